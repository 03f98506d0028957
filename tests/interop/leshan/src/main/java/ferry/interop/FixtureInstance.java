package ferry.interop;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentSkipListMap;

import org.eclipse.leshan.client.resource.BaseInstanceEnabler;
import org.eclipse.leshan.client.servers.LwM2mServer;
import org.eclipse.leshan.core.model.ObjectModel;
import org.eclipse.leshan.core.model.ResourceModel;
import org.eclipse.leshan.core.node.LwM2mMultipleResource;
import org.eclipse.leshan.core.node.LwM2mPath;
import org.eclipse.leshan.core.node.LwM2mResource;
import org.eclipse.leshan.core.node.LwM2mResourceInstance;
import org.eclipse.leshan.core.request.argument.Arguments;
import org.eclipse.leshan.core.response.ExecuteResponse;
import org.eclipse.leshan.core.response.ReadResponse;
import org.eclipse.leshan.core.response.WriteResponse;

import com.fasterxml.jackson.databind.JsonNode;

/** An Object Instance whose values come from a fixture, and which tells of every Write and Execute. */
final class FixtureInstance extends BaseInstanceEnabler {
    private static final int SERVER_OBJECT = 1;
    private static final int REGISTRATION_UPDATE_TRIGGER = 8;
    private static final int BOOTSTRAP_REQUEST_TRIGGER = 9;

    /** Told of what the server did. */
    interface Listener {
        void written(LwM2mPath path, boolean replace, LwM2mResource value);

        /** `count`: how often this resource was executed so far. */
        void executed(LwM2mPath path, String arguments, int count);
    }

    private final JsonNode fixture;
    private final Listener listener;
    private final Map<Integer, LwM2mResource> resources = new ConcurrentSkipListMap<>();
    private final Map<Integer, Integer> executions = new TreeMap<>();

    /** `fixture`: resource id to value. */
    FixtureInstance(int id, JsonNode fixture, Listener listener) {
        super(id);
        this.fixture = fixture;
        this.listener = listener;
    }

    @Override
    public void setModel(ObjectModel model) {
        super.setModel(model);
        fixture.fields().forEachRemaining(field -> {
            int id = Integer.parseInt(field.getKey());
            resources.put(id, Values.resource(id, field.getValue(), model.resources.get(id).type));
        });
    }

    /** The values it holds, and what can be executed. */
    @Override
    public List<Integer> getAvailableResourceIds(ObjectModel model) {
        List<Integer> ids = new ArrayList<>(resources.keySet());
        for (ResourceModel resource : model.resources.values())
            if (resource.operations.isExecutable() || (resource.operations.isWritable() && !resource.operations.isReadable()))
                ids.add(resource.id);
        return ids.stream().distinct().sorted().toList();
    }

    @Override
    public ReadResponse read(LwM2mServer server, int resourceId) {
        LwM2mResource resource = resources.get(resourceId);
        return resource == null ? ReadResponse.notFound() : ReadResponse.success(resource);
    }

    @Override
    public WriteResponse write(LwM2mServer server, boolean replace, int resourceId, LwM2mResource value) {
        LwM2mResource before = resources.get(resourceId);
        if (!replace && value.isMultiInstances() && before != null && before.isMultiInstances()) {
            Map<Integer, LwM2mResourceInstance> merged = new TreeMap<>(before.getInstances());
            merged.putAll(value.getInstances());
            resources.put(resourceId, new LwM2mMultipleResource(resourceId, value.getType(), merged.values()));
        } else {
            resources.put(resourceId, value);
        }
        if (!server.isSystem())
            listener.written(getResourcePath(resourceId), replace, value);
        fireChange(resourceId);
        return WriteResponse.success();
    }

    @Override
    public ExecuteResponse execute(LwM2mServer server, int resourceId, Arguments arguments) {
        ResourceModel resource = getModel().resources.get(resourceId);
        if (resource == null || !resource.operations.isExecutable())
            return ExecuteResponse.methodNotAllowed();
        int count;
        synchronized (executions) {
            count = executions.merge(resourceId, 1, Integer::sum);
        }
        listener.executed(getResourcePath(resourceId), arguments.isEmpty() ? "" : arguments.serialize(), count);
        if (getModel().id == SERVER_OBJECT && resourceId == REGISTRATION_UPDATE_TRIGGER)
            getLwM2mClient().triggerRegistrationUpdate(server);
        if (getModel().id == SERVER_OBJECT && resourceId == BOOTSTRAP_REQUEST_TRIGGER
                && !getLwM2mClient().triggerClientInitiatedBootstrap(true))
            return ExecuteResponse.badRequest("no account of a bootstrap server");
        return ExecuteResponse.success();
    }

    @Override
    public void reset(int resourceId) {
        resources.remove(resourceId);
    }

    /** Sets a resource from inside; observers are notified. */
    void set(int resourceId, JsonNode value) {
        ResourceModel model = getModel().resources.get(resourceId);
        if (model == null)
            throw new IllegalArgumentException("object " + getModel().id + " has no resource " + resourceId);
        resources.put(resourceId, Values.resource(resourceId, value, model.type));
        fireChange(resourceId);
    }

    private void fireChange(int resourceId) {
        List<LwM2mPath> changed = new ArrayList<>(List.of(getResourcePath(resourceId)));
        LwM2mResource resource = resources.get(resourceId);
        if (resource.isMultiInstances())
            for (Integer instance : resource.getInstances().keySet())
                changed.add(getResourceInstancePath(resourceId, instance));
        fireResourcesChange(changed.toArray(LwM2mPath[]::new));
    }
}
