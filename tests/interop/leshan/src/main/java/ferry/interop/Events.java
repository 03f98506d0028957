package ferry.interop;

import java.io.PrintStream;
import java.util.Map;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;

/** Writes what happens as JSON lines, one event a line, in the order in which it happened. */
final class Events {
    private final ObjectMapper json = new ObjectMapper();
    private final PrintStream out;

    Events(PrintStream out) {
        this.out = out;
    }

    void write(String event, Map<String, ?> facts) {
        var line = json.createObjectNode().put("event", event);
        facts.forEach((name, value) -> line.set(name, json.valueToTree(value)));
        try {
            byte[] bytes = (json.writeValueAsString(line) + "\n").getBytes("UTF-8");
            synchronized (out) {
                out.write(bytes, 0, bytes.length);
                out.flush();
            }
        } catch (JsonProcessingException | java.io.UnsupportedEncodingException e) {
            throw new IllegalStateException(e);
        }
    }
}
