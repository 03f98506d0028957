package ferry.interop.dtls;

import java.io.BufferedReader;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

/**
 * Any number of DTLS clients, driven by JSON lines on standard input; each is answered by one line with its `id`, and an `error` where it failed.
 *
 * <pre>
 * {"id":1,"command":"connect","client":"a","library":"scandium"|"bouncy-castle", ... see {@link Task}}
 * {"id":2,"command":"exchange","client":"a","text":"hello","patienceMs":10000}
 * {"id":3,"command":"resume","client":"a"}
 * {"id":4,"command":"close","client":"a"}
 * </pre>
 *
 * Commands run side by side; it ends when its input ends.
 */
public final class DtlsClients {
    private static final int MAX_COMMAND_CHARS = 1 << 16;

    private final ObjectMapper json = new ObjectMapper();
    private final Map<String, Client> clients = new ConcurrentHashMap<>();
    private final ExecutorService executor = Executors.newCachedThreadPool();
    private final PrintStream out = new PrintStream(new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8);

    public static void main(String[] args) throws Exception {
        // Libraries that print do not get in between the answers.
        DtlsClients main = new DtlsClients();
        System.setOut(System.err);
        main.serve(new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8)));
        System.exit(0);
    }

    private void serve(BufferedReader commands) throws Exception {
        for (String line = commands.readLine(); line != null; line = commands.readLine()) {
            if (line.length() > MAX_COMMAND_CHARS)
                throw new IllegalArgumentException("a command is longer than " + MAX_COMMAND_CHARS + " characters");
            JsonNode command = json.readTree(line);
            executor.execute(() -> answer(command));
        }
    }

    private void answer(JsonNode command) {
        var answer = json.createObjectNode().put("id", command.path("id").asLong());
        try {
            perform(command);
        } catch (Exception e) {
            answer.put("error", String.valueOf(e));
        }
        synchronized (out) {
            out.println(answer);
        }
    }

    private void perform(JsonNode command) throws Exception {
        String name = command.path("client").asText();
        switch (command.path("command").asText()) {
        case "connect" -> clients.put(name, connect(command));
        case "exchange" -> client(name).exchange(command.path("text").asText(), command.path("patienceMs").asLong());
        case "resume" -> client(name).resume();
        case "close" -> {
            client(name).close();
            clients.remove(name);
        }
        default -> throw new IllegalArgumentException("no command " + command.path("command"));
        }
    }

    private Client client(String name) {
        Client client = clients.get(name);
        if (client == null)
            throw new IllegalArgumentException("no client " + name);
        return client;
    }

    private static Client connect(JsonNode command) throws Exception {
        return switch (command.path("library").asText()) {
        case "scandium" -> new ScandiumClient(Task.of(command));
        case "bouncy-castle" -> new BouncyCastleClient(Task.of(command));
        default -> throw new IllegalArgumentException("no library " + command.path("library"));
        };
    }
}
