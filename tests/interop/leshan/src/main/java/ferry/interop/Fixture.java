package ferry.interop;

import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.IntFunction;

import org.eclipse.leshan.client.object.Security;
import org.eclipse.leshan.client.resource.LwM2mInstanceEnabler;
import org.eclipse.leshan.client.resource.LwM2mObjectEnabler;
import org.eclipse.leshan.client.resource.ObjectsInitializer;
import org.eclipse.leshan.core.LwM2m.LwM2mVersion;
import org.eclipse.leshan.core.LwM2mId;
import org.eclipse.leshan.core.model.InvalidDDFFileException;
import org.eclipse.leshan.core.model.InvalidModelException;
import org.eclipse.leshan.core.model.ObjectLoader;
import org.eclipse.leshan.core.model.ObjectModel;
import org.eclipse.leshan.core.model.StaticModel;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;

/**
 * The objects, versions and values of a device, from `fixtures/NAME.json`:
 * `{"3": {"version": "1.0", "instances": {"0": {"9": 75}}}}`.
 */
final class Fixture {
    private final Map<Integer, JsonNode> objects = new TreeMap<>();
    private final List<ObjectModel> models = new ArrayList<>();

    private final LwM2mVersion version;

    private Fixture(LwM2mVersion version) {
        this.version = version;
    }

    /**
     * Reads the fixture and finds the model of each of its objects in the version it names; the Server Object of LwM2M 1.0 is that of 1.0.
     *
     * @param fresh the client knows no LwM2M server yet
     */
    static Fixture load(String name, boolean fresh, LwM2mVersion version) throws IOException, InvalidModelException, InvalidDDFFileException {
        Fixture fixture = new Fixture(version);
        try (InputStream in = Fixture.class.getResourceAsStream("/fixtures/" + name + ".json")) {
            if (in == null)
                throw new IllegalArgumentException("no fixture " + name);
            new ObjectMapper().readTree(in).fields()
                    .forEachRemaining(field -> fixture.objects.put(Integer.valueOf(field.getKey()), field.getValue()));
        }
        ObjectNode server = (ObjectNode) fixture.objects.get(LwM2mId.SERVER);
        if (fresh)
            server.putObject("instances");
        if (version.equals(LwM2mVersion.V1_0))
            server.put("version", "1.0");
        List<ObjectModel> known = new ArrayList<>(ObjectLoader.loadAllDefault());
        known.addAll(ObjectLoader.loadDdfResources("/models/", new String[] { "9-1_1.xml", "16-1_0.xml", "19-1_0.xml", "19-1_1.xml",
                "3303-1_0.xml", "31024-1_0.xml", "38000-1_0.xml" }));
        fixture.models.add(ObjectLoader.loadDefault().stream().filter(model -> model.id == LwM2mId.SECURITY).findFirst().orElseThrow());
        fixture.objects.forEach((id, object) -> {
            String wanted = object.get("version").asText();
            fixture.models.add(known.stream().filter(model -> model.id.equals(id) && model.version.equals(wanted)).findFirst()
                    .orElseThrow(() -> new IllegalArgumentException("no model of object " + id + " version " + wanted)));
        });
        return fixture;
    }

    LwM2mVersion version() {
        return version;
    }

    /** Objects for one client; `security` makes its instance of object 0 for a short server id, 0 where it knows no server, and `instances` finds the others again by object and instance id. */
    List<LwM2mObjectEnabler> objects(IntFunction<Security> security, long lifetimeS, FixtureInstance.Listener listener,
            Map<String, FixtureInstance> instances) {
        ObjectsInitializer initializer = new ObjectsInitializer(new StaticModel(models));
        int shortServerId = objects.get(LwM2mId.SERVER).at("/instances/0/0").asInt();
        initializer.setInstancesForObject(LwM2mId.SECURITY, security.apply(shortServerId));
        initializer.setClassForObject(LwM2mId.SECURITY, Security.class);
        objects.forEach((objectId, object) -> {
            List<LwM2mInstanceEnabler> enablers = new ArrayList<>();
            object.get("instances").fields().forEachRemaining(field -> {
                ObjectNode values = field.getValue().deepCopy();
                if (objectId == LwM2mId.SERVER)
                    values.put("1", lifetimeS);
                FixtureInstance instance = new FixtureInstance(Integer.parseInt(field.getKey()), values, listener);
                instances.put(objectId + "/" + field.getKey(), instance);
                enablers.add(instance);
            });
            if (!enablers.isEmpty())
                initializer.setInstancesForObject(objectId, enablers.toArray(LwM2mInstanceEnabler[]::new));
            initializer.setFactoryForObject(objectId, (model, id, used) -> {
                int instanceId = id != null ? id : used.stream().mapToInt(Integer::intValue).max().orElse(-1) + 1;
                FixtureInstance instance = new FixtureInstance(instanceId, new ObjectMapper().createObjectNode(), listener);
                instance.setModel(model);
                instances.put(objectId + "/" + instanceId, instance);
                return instance;
            });
        });
        return initializer.createAll();
    }
}
