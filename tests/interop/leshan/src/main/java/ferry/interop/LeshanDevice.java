package ferry.interop;

import java.io.BufferedReader;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;

import org.eclipse.leshan.core.LwM2m.LwM2mVersion;
import org.eclipse.leshan.core.node.LwM2mPath;
import org.eclipse.leshan.core.request.ContentFormat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.LongNode;

/**
 * Runs LwM2M clients made of Eclipse Leshan's own parts, driven by JSON lines: commands come on standard input, events go
 * to standard output. It ends with `exit`, or when its input ends.
 *
 * <pre>
 * --server coap://HOST:PORT   where to register; coaps:// with one of the following
 * --bootstrap true|false      the client is fresh from the factory, and --server is where it has itself bootstrapped (false)
 * --lwm2m 1.0|1.1             LwM2M version; 1.0 needs --bootstrap (1.1)
 * --preferred-format N        Content-Format that the Bootstrap-Request names in `pct`; without it none
 * --unnamed-servers true|false    Bootstrap-Discover tells no short server ids of Server Object Instances (false)
 * --psk-key HEX               behind DTLS, by this key
 * --psk-identity TEXT         and this identity (the endpoint name)
 * --public-key FILE           behind DTLS, by this raw public key
 * --certificate FILE          behind DTLS, by this certificate
 * --private-key FILE          of the public key or of the certificate; all files are PEM, the private key as PKCS #8
 * --server-key FILE           public key or certificate of the server, and no other is believed
 * --cid-bytes N               length of the Connection ID in records to the client; without it there is none
 * --endpoint NAME             the endpoint name; with --count N the names are NAME0 … NAMEn
 * --count N                   how many clients (1)
 * --lifetime S                registration lifetime, seconds (300)
 * --queue-mode true|false     register with Q: the server takes the client for asleep between its messages (false)
 * --fixture seed|black-box|every-type    objects and values (seed)
 * --notify-interval MS        from the registration on, set --notify-path to 1, 2, 3 … at this interval; 0: not (0)
 * --notify-path PATH          the numbered resource (/3303/0/5700)
 * </pre>
 *
 * Commands name one client by `endpoint`, or mean all: {@code {"id":1,"command":"set","path":"/3/0/9","value":42}},
 * `update`, `deregister`, `register`, `reboot`, `announce` (`contentFormats` of the next Register), `send` (`paths`, `format` as a number),
 * `collect` (`paths`), `sendCollected` (`format`), `number` (`intervalMs`, 0 stops), `exit`. Each is answered by the event `done`
 * with its `id`, and an `error` where it failed.
 */
public final class LeshanDevice {
    private static final int MAX_COMMAND_CHARS = 1 << 20;

    private final Map<String, Device> devices = new LinkedHashMap<>();
    private final Map<String, AtomicLong> numbers = new HashMap<>();
    private final Map<String, ScheduledFuture<?>> numbering = new HashMap<>();
    private final LwM2mPath numberedPath;
    private final ScheduledExecutorService executor = Executors.newScheduledThreadPool(4);
    private final Events events;

    private LeshanDevice(Map<String, String> options, Events events) throws Exception {
        this.events = events;
        numberedPath = new LwM2mPath(options.getOrDefault("notify-path", "/3303/0/5700"));
        boolean bootstrap = Boolean.parseBoolean(options.get("bootstrap"));
        Fixture fixture = Fixture.load(options.getOrDefault("fixture", "seed"), bootstrap,
                LwM2mVersion.get(options.getOrDefault("lwm2m", "1.1")));
        String preferred = options.get("preferred-format");
        Account account = new Account(options.get("server"), bootstrap,
                preferred == null ? null : ContentFormat.fromCode(Integer.parseInt(preferred)),
                Boolean.parseBoolean(options.get("unnamed-servers")), Credential.of(options));
        int count = Integer.parseInt(options.getOrDefault("count", "1"));
        for (int i = 0; i < count; i++) {
            String endpoint = options.get("endpoint") + (options.containsKey("count") ? i : "");
            devices.put(endpoint, new Device(endpoint, account,
                    Long.parseLong(options.getOrDefault("lifetime", "300")),
                    Boolean.parseBoolean(options.get("queue-mode")), fixture, executor, events));
            numbers.put(endpoint, new AtomicLong());
        }
    }

    public static void main(String[] args) throws Exception {
        Events events = new Events(new PrintStream(new FileOutputStream(FileDescriptor.out), false));
        // Libraries that print do not get in between the events.
        System.setOut(System.err);
        Map<String, String> options = options(args);
        LeshanDevice main = new LeshanDevice(options, events);
        main.devices.values().forEach(Device::start);
        main.number(main.devices.keySet(), Integer.parseInt(options.getOrDefault("notify-interval", "0")));
        events.write("ready", Map.of("endpoints", main.devices.keySet()));
        main.serve(new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8)));
        main.devices.values().forEach(Device::destroy);
        System.exit(0);
    }

    private static Map<String, String> options(String[] args) {
        Map<String, String> options = new HashMap<>();
        for (int i = 0; i + 1 < args.length; i += 2)
            options.put(args[i].replaceFirst("^--", ""), args[i + 1]);
        for (String required : List.of("server", "endpoint"))
            if (!options.containsKey(required))
                throw new IllegalArgumentException("--" + required + " is missing");
        return options;
    }

    private void serve(BufferedReader commands) throws Exception {
        ObjectMapper json = new ObjectMapper();
        for (String line = commands.readLine(); line != null; line = commands.readLine()) {
            if (line.length() > MAX_COMMAND_CHARS)
                throw new IllegalArgumentException("a command is longer than " + MAX_COMMAND_CHARS + " characters");
            JsonNode command = json.readTree(line);
            Map<String, Object> done = new LinkedHashMap<>();
            done.put("id", command.path("id").asLong());
            boolean exit = command.path("command").asText().equals("exit");
            try {
                if (!exit)
                    perform(command);
            } catch (RuntimeException e) {
                done.put("error", String.valueOf(e.getMessage()));
            }
            events.write("done", done);
            if (exit)
                return;
        }
    }

    private void perform(JsonNode command) {
        Collection<String> endpoints = command.has("endpoint") ? List.of(command.get("endpoint").asText())
                : devices.keySet();
        if (!devices.keySet().containsAll(endpoints))
            throw new IllegalArgumentException("no endpoint " + endpoints);
        String name = command.path("command").asText();
        if (name.equals("number")) {
            number(endpoints, command.path("intervalMs").asInt());
            return;
        }
        for (String endpoint : endpoints) {
            Device device = devices.get(endpoint);
            switch (name) {
            case "set" -> device.set(new LwM2mPath(command.path("path").asText()), command.path("value"));
            case "update" -> device.update();
            case "deregister" -> device.stop(true);
            case "register" -> device.start();
            case "reboot" -> device.reboot();
            case "announce" -> device.announce(contentFormats(command));
            case "send" -> device.send(paths(command), format(command));
            case "collect" -> device.collect(paths(command));
            case "sendCollected" -> device.sendCollected(format(command));
            default -> throw new IllegalArgumentException("no command " + name);
            }
        }
    }

    private static List<ContentFormat> contentFormats(JsonNode command) {
        List<ContentFormat> formats = new ArrayList<>();
        command.path("contentFormats").forEach(format -> formats.add(ContentFormat.fromCode(format.asInt())));
        return formats;
    }

    /** SenML CBOR where the command names none. */
    private static ContentFormat format(JsonNode command) {
        return ContentFormat.fromCode(command.path("format").asInt(ContentFormat.SENML_CBOR_CODE));
    }

    private static List<String> paths(JsonNode command) {
        List<String> paths = new ArrayList<>();
        command.path("paths").forEach(path -> paths.add(path.asText()));
        return paths;
    }

    /** Counts the numbered resource up at that interval; the clients start spread over it. */
    private void number(Collection<String> endpoints, int intervalMs) {
        int i = 0;
        for (String endpoint : endpoints) {
            ScheduledFuture<?> running = numbering.remove(endpoint);
            if (running != null)
                running.cancel(false);
            if (intervalMs == 0)
                continue;
            long delayMs = (long) intervalMs * i++ / endpoints.size();
            numbering.put(endpoint,
                    executor.scheduleAtFixedRate(
                            () -> devices.get(endpoint).set(numberedPath,
                                    LongNode.valueOf(numbers.get(endpoint).incrementAndGet())),
                            delayMs, intervalMs, TimeUnit.MILLISECONDS));
        }
    }
}
