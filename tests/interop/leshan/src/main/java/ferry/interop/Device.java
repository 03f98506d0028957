package ferry.interop;

import java.net.InetAddress;
import java.security.cert.Certificate;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;

import org.eclipse.californium.core.config.CoapConfig;
import org.eclipse.californium.core.network.CoapEndpoint;
import org.eclipse.californium.elements.config.Configuration;
import org.eclipse.californium.scandium.config.DtlsConfig;
import org.eclipse.leshan.client.LeshanClient;
import org.eclipse.leshan.client.LeshanClientBuilder;
import org.eclipse.leshan.client.californium.endpoint.CaliforniumClientEndpointFactory;
import org.eclipse.leshan.client.californium.endpoint.CaliforniumClientEndpointsProvider;
import org.eclipse.leshan.client.californium.endpoint.ClientProtocolProvider;
import org.eclipse.leshan.client.californium.endpoint.coap.CoapClientEndpointFactory;
import org.eclipse.leshan.client.californium.endpoint.coap.CoapClientProtocolProvider;
import org.eclipse.leshan.client.californium.endpoint.coaps.CoapsClientEndpointFactory;
import org.eclipse.leshan.client.californium.endpoint.coaps.CoapsClientProtocolProvider;
import org.eclipse.leshan.client.endpoint.ClientEndpointToolbox;
import org.eclipse.leshan.client.engine.DefaultRegistrationEngineFactory;
import org.eclipse.leshan.client.engine.RegistrationEngineFactory;
import org.eclipse.leshan.client.observer.LwM2mClientObserverAdapter;
import org.eclipse.leshan.client.resource.LwM2mObjectEnabler;
import org.eclipse.leshan.client.send.ManualDataSender;
import org.eclipse.leshan.client.send.NoDataException;
import org.eclipse.leshan.client.servers.LwM2mServer;
import org.eclipse.leshan.client.servers.ServerInfo;
import org.eclipse.leshan.client.util.LinkFormatHelper;
import org.eclipse.leshan.core.LwM2m.LwM2mVersion;
import org.eclipse.leshan.core.LwM2m.Version;
import org.eclipse.leshan.core.LwM2mId;
import org.eclipse.leshan.core.ResponseCode;
import org.eclipse.leshan.core.link.Link;
import org.eclipse.leshan.core.link.lwm2m.LwM2mLink;
import org.eclipse.leshan.core.link.lwm2m.attributes.LwM2mAttribute;
import org.eclipse.leshan.core.link.lwm2m.attributes.LwM2mAttributes;
import org.eclipse.leshan.core.model.ObjectModel;
import org.eclipse.leshan.core.node.LwM2mPath;
import org.eclipse.leshan.core.node.LwM2mResource;
import org.eclipse.leshan.core.request.BootstrapRequest;
import org.eclipse.leshan.core.request.ContentFormat;
import org.eclipse.leshan.core.request.DeregisterRequest;
import org.eclipse.leshan.core.request.RegisterRequest;
import org.eclipse.leshan.core.request.UpdateRequest;

import com.fasterxml.jackson.databind.JsonNode;

/** One LwM2M client on Leshan's own engine, with what it does written as events. */
final class Device implements FixtureInstance.Listener {
    private static final long SEND_TIMEOUT_MS = 120_000;
    private static final LwM2mPath DISABLE = new LwM2mPath("/1/0/4");

    private final String endpoint;
    private final Events events;
    private final ScheduledExecutorService executor;
    private final Map<String, FixtureInstance> instances = new ConcurrentHashMap<>();
    private final LeshanClient client;
    /** What the next Register announces in `ct`; null: all that Leshan knows. */
    private volatile List<ContentFormat> announced;
    /** Where it registered last; Leshan's own list keeps those of before a {@link #reboot} too. */
    private volatile LwM2mServer server;

    Device(String endpoint, Account account, long lifetimeS, boolean queueMode, Fixture fixture,
            ScheduledExecutorService executor, Events events) {
        this.endpoint = endpoint;
        this.events = events;
        this.executor = executor;
        LeshanClientBuilder builder = new LeshanClientBuilder(endpoint);
        builder.setObjects(fixture.objects(shortServerId -> account.security(shortServerId, endpoint), lifetimeS, this,
                instances));
        builder.setRegistrationEngineFactory(engine(queueMode, account.preferred(), fixture.version()));
        builder.setLinkFormatHelper(new Description(fixture.version(), account.unnamedServers()));
        // TLV, which LwM2M 1.0 has all clients know, is not listed.
        announced = fixture.version().equals(LwM2mVersion.V1_0) ? List.of() : null;
        builder.setDataSenders(new ManualDataSender());
        builder.setSharedExecutor(executor);
        builder.setEndpointsProviders(endpoints(account.cidBytes()));
        client = builder.build();
        client.addObserver(new Registrations());
    }

    void start() {
        client.start();
    }

    /** Ends the client; with `deregister` it tells the server first. */
    void stop(boolean deregister) {
        client.stop(deregister);
    }

    /** As if the power had gone: it registers anew without a word to the server. */
    void reboot() {
        stop(false);
        start();
    }

    void destroy() {
        client.destroy(false);
    }

    /** Has the next Register announce these Content-Formats, though the client knows more. */
    void announce(List<ContentFormat> contentFormats) {
        announced = contentFormats;
    }

    void update() {
        client.triggerRegistrationUpdate();
    }

    /** Sets a resource from inside. */
    void set(LwM2mPath path, JsonNode value) {
        FixtureInstance instance = instances.get(path.getObjectId() + "/" + path.getObjectInstanceId());
        if (instance == null)
            throw new IllegalArgumentException("no instance " + path);
        instance.set(path.getResourceId(), value);
    }

    /** Sends values of its own accord (LwM2M Send) and tells when they were accepted. */
    void send(List<String> paths, ContentFormat format) {
        client.getSendService().sendData(server, format, paths, SEND_TIMEOUT_MS,
                response -> write("sent", Map.of("paths", paths, "code", response.getCode().getCode())),
                error -> write("sendFailed", Map.of("message", String.valueOf(error.getMessage()))));
    }

    /** Keeps the values as they are, with the time, for {@link #sendCollected}. */
    void collect(List<String> paths) {
        collector().collectData(paths.stream().map(LwM2mPath::new).toList());
    }

    /** Sends what was collected, each value with its time. Leshan tells nothing of the answer. */
    void sendCollected(ContentFormat format) {
        try {
            collector().sendCollectedData(server, format, SEND_TIMEOUT_MS, false);
        } catch (NoDataException e) {
            throw new IllegalStateException(e);
        }
    }

    private ManualDataSender collector() {
        return client.getSendService().getDataSender(ManualDataSender.DEFAULT_NAME, ManualDataSender.class);
    }

    @Override
    public void written(LwM2mPath path, boolean replace, LwM2mResource value) {
        Map<String, Object> facts = new LinkedHashMap<>();
        facts.put("path", path.toString());
        facts.put("mode", replace ? "replace" : "update");
        facts.put("value", Values.toJson(value));
        write("written", facts);
    }

    @Override
    public void executed(LwM2mPath path, String arguments, int count) {
        write("executed", Map.of("path", path.toString(), "arguments", arguments, "count", count));
        // The answer goes first (OMA LwM2M Core 1.1.1 §E.2: Disable).
        if (path.equals(DISABLE))
            executor.schedule(() -> stop(true), 200, TimeUnit.MILLISECONDS);
    }

    private void write(String event, Map<String, ?> facts) {
        Map<String, Object> all = new LinkedHashMap<>(Map.of("endpoint", endpoint));
        all.putAll(facts);
        events.write(event, all);
    }

    private static RegistrationEngineFactory engine(boolean queueMode, ContentFormat preferred,
            LwM2mVersion version) {
        var newest = new DefaultRegistrationEngineFactory().setQueueMode(queueMode)
                .setPreferredContentFormat(preferred);
        if (!version.equals(LwM2mVersion.V1_0))
            return newest;
        return (endpoint, objects, endpoints, sender, bootstrap, observer, attributes, bootstrapAttributes, formats,
                executor, links) -> newest.createRegistratioEngine(endpoint, objects, endpoints, new OldVersion(sender),
                        bootstrap, observer, attributes, bootstrapAttributes, formats, executor, links);
    }

    /** CoAP over UDP and DTLS with the timing of RFC 7252 §4.8, and the log of messages below it. */
    private CaliforniumClientEndpointsProvider endpoints(int cidBytes) {
        var builder = new CaliforniumClientEndpointsProvider.Builder(plain(), secured());
        Configuration configuration = builder.createDefaultConfiguration();
        configuration.set(CoapConfig.ACK_TIMEOUT, 2, TimeUnit.SECONDS);
        configuration.set(CoapConfig.ACK_INIT_RANDOM, 1.5f);
        configuration.set(CoapConfig.ACK_TIMEOUT_SCALE, 2f);
        configuration.set(CoapConfig.MAX_RETRANSMIT, 4);
        configuration.set(CoapConfig.PROTOCOL_STAGE_THREAD_COUNT, 1);
        configuration.set(DtlsConfig.DTLS_CONNECTION_ID_LENGTH, cidBytes < 0 ? null : cidBytes);
        configuration.set(DtlsConfig.DTLS_RECEIVER_THREAD_COUNT, 1);
        configuration.set(DtlsConfig.DTLS_CONNECTOR_THREAD_COUNT, 1);
        return builder.setConfiguration(configuration).build();
    }

    private ClientProtocolProvider plain() {
        return new CoapClientProtocolProvider() {
            @Override
            public CaliforniumClientEndpointFactory createDefaultEndpointFactory() {
                return new CoapClientEndpointFactory(endpoint) {
                    @Override
                    public CoapEndpoint createCoapEndpoint(InetAddress address, Configuration configuration,
                            ServerInfo server, boolean clientInitiatedOnly, List<Certificate> trustStore,
                            ClientEndpointToolbox toolbox) {
                        return logged(super.createCoapEndpoint(address, configuration, server, clientInitiatedOnly,
                                trustStore, toolbox), toolbox);
                    }
                };
            }
        };
    }

    private ClientProtocolProvider secured() {
        return new CoapsClientProtocolProvider() {
            @Override
            public CaliforniumClientEndpointFactory createDefaultEndpointFactory() {
                return new CoapsClientEndpointFactory(endpoint) {
                    @Override
                    public CoapEndpoint createCoapEndpoint(InetAddress address, Configuration configuration,
                            ServerInfo server, boolean clientInitiatedOnly, List<Certificate> trustStore,
                            ClientEndpointToolbox toolbox) {
                        return logged(super.createCoapEndpoint(address, configuration, server, clientInitiatedOnly,
                                trustStore, toolbox), toolbox);
                    }
                };
            }
        };
    }

    private CoapEndpoint logged(CoapEndpoint coapEndpoint, ClientEndpointToolbox toolbox) {
        coapEndpoint.addInterceptor(new MessageLog(endpoint, toolbox.getModel(), toolbox.getDecoder(), events));
        return coapEndpoint;
    }

    /** Tells the version of every object, also where the LwM2M version implies it, and the Content-Formats that were set. */
    private final class Description extends LinkFormatHelper {
        private final boolean unnamedServers;

        Description(LwM2mVersion version, boolean unnamedServers) {
            super(version);
            this.unnamedServers = unnamedServers;
        }

        @Override
        public Link[] getClientDescription(Collection<LwM2mObjectEnabler> objects, String rootPath,
                List<ContentFormat> known) {
            return super.getClientDescription(objects, rootPath, announced == null ? known : announced);
        }

        /** Leshan tells 1.0 there, whatever it registers with. */
        @Override
        public LwM2mLink[] getBootstrapClientDescription(Collection<LwM2mObjectEnabler> objects) {
            LwM2mLink[] links = super.getBootstrapClientDescription(objects);
            links[0] = new LwM2mLink(links[0].getRootPath(), LwM2mPath.ROOTPATH,
                    LwM2mAttributes.create(LwM2mAttributes.ENABLER_VERSION, version));
            return links;
        }

        @Override
        protected List<LwM2mLink> getBootstrapObjectDescriptionWithoutRoot(LwM2mObjectEnabler object,
                Map<Integer, List<LwM2mAttribute<?>>> oscore) {
            List<LwM2mLink> links = super.getBootstrapObjectDescriptionWithoutRoot(object, oscore);
            if (!unnamedServers || object.getId() != LwM2mId.SERVER)
                return links;
            return links.stream().map(link -> new LwM2mLink(link.getRootPath(), link.getPath())).toList();
        }

        @Override
        protected Version getVersion(ObjectModel model) {
            return new Version(model.version);
        }
    }

    private final class Registrations extends LwM2mClientObserverAdapter {
        @Override
        public void onBootstrapStarted(LwM2mServer server, BootstrapRequest request) {
            write("bootstrapping", Map.of());
        }

        @Override
        public void onBootstrapSuccess(LwM2mServer server, BootstrapRequest request) {
            write("bootstrapped", Map.of());
        }

        @Override
        public void onBootstrapFailure(LwM2mServer server, BootstrapRequest request, ResponseCode code, String message,
                Exception cause) {
            refused("bootstrap", code, message);
        }

        @Override
        public void onBootstrapTimeout(LwM2mServer server, BootstrapRequest request) {
            unanswered("bootstrap");
        }

        @Override
        public void onRegistrationStarted(LwM2mServer server, RegisterRequest request) {
            write("registering", Map.of());
        }

        @Override
        public void onRegistrationSuccess(LwM2mServer server, RegisterRequest request, String registrationId) {
            Device.this.server = server;
            write("registered", Map.of("registrationId", registrationId));
        }

        @Override
        public void onRegistrationFailure(LwM2mServer server, RegisterRequest request, ResponseCode code,
                String message, Exception cause) {
            refused("register", code, message);
        }

        @Override
        public void onRegistrationTimeout(LwM2mServer server, RegisterRequest request) {
            unanswered("register");
        }

        @Override
        public void onUpdateSuccess(LwM2mServer server, UpdateRequest request) {
            write("updated", Map.of());
        }

        @Override
        public void onUpdateFailure(LwM2mServer server, UpdateRequest request, ResponseCode code, String message,
                Exception cause) {
            refused("update", code, message);
        }

        @Override
        public void onUpdateTimeout(LwM2mServer server, UpdateRequest request) {
            unanswered("update");
        }

        @Override
        public void onDeregistrationSuccess(LwM2mServer server, DeregisterRequest request) {
            write("deregistered", Map.of());
        }

        @Override
        public void onDeregistrationFailure(LwM2mServer server, DeregisterRequest request, ResponseCode code,
                String message, Exception cause) {
            refused("deregister", code, message);
        }

        @Override
        public void onDeregistrationTimeout(LwM2mServer server, DeregisterRequest request) {
            unanswered("deregister");
        }

        @Override
        public void onUnexpectedError(Throwable error) {
            write("error", Map.of("message", String.valueOf(error)));
        }

        private void refused(String uplink, ResponseCode code, String message) {
            write("refused", Map.of("uplink", uplink, "code", code == null ? 0 : code.getCode(), "message",
                    String.valueOf(message)));
        }

        private void unanswered(String uplink) {
            write("unanswered", Map.of("uplink", uplink));
        }
    }
}
