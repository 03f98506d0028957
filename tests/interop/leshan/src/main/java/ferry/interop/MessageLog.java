package ferry.interop;

import java.util.HashMap;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Map;

import org.eclipse.californium.core.coap.CoAP.Type;
import org.eclipse.californium.core.coap.EmptyMessage;
import org.eclipse.californium.core.coap.OptionSet;
import org.eclipse.californium.core.coap.Request;
import org.eclipse.californium.core.coap.Response;
import org.eclipse.californium.core.coap.Token;
import org.eclipse.californium.core.network.interceptors.MessageInterceptorAdapter;
import org.eclipse.leshan.core.model.LwM2mModel;
import org.eclipse.leshan.core.node.LwM2mPath;
import org.eclipse.leshan.core.node.codec.CodecException;
import org.eclipse.leshan.core.node.codec.LwM2mDecoder;
import org.eclipse.leshan.core.request.ContentFormat;

/**
 * Watches one client's messages below Californium's own layers: what the server asked, what was notified, and of which
 * notification the server's ACK really arrived. It reads nothing but what is on the wire.
 */
final class MessageLog extends MessageInterceptorAdapter {
    /** The path of a composite observation: its paths are in the payload. */
    private static final String COMPOSITE = "/";

    private final String endpoint;
    private final LwM2mModel model;
    private final LwM2mDecoder decoder;
    private final Events events;
    /** Observed paths by token; few, as a server holds few observations. */
    private final Map<Token, String> observed = new HashMap<>();
    /** Notifications that wait for their ACK, by Message ID: at most 65 536. */
    private final Map<Integer, Unacknowledged> unacknowledged = new HashMap<>();

    private record Unacknowledged(Response response, Map<String, Object> notification) {
    }

    MessageLog(String endpoint, LwM2mModel model, LwM2mDecoder decoder, Events events) {
        this.endpoint = endpoint;
        this.model = model;
        this.decoder = decoder;
        this.events = events;
    }

    @Override
    public synchronized void receiveRequest(Request request) {
        requested(request);
        if (!request.getOptions().hasObserve())
            return;
        String path = "/" + request.getOptions().getUriPathString();
        if (request.isObserve()) {
            observed.put(request.getToken(), path);
            events.write("observed", Map.of("endpoint", endpoint, "path", path, "token", request.getTokenString()));
        } else if (request.isObserveCancel()) {
            observed.remove(request.getToken());
            events.write("observationCancelled",
                    Map.of("endpoint", endpoint, "path", path, "token", request.getTokenString()));
        }
    }

    /** Content-Formats are numbers, -1 where there is none. */
    private void requested(Request request) {
        OptionSet options = request.getOptions();
        Map<String, Object> facts = new LinkedHashMap<>();
        facts.put("endpoint", endpoint);
        facts.put("method", String.valueOf(request.getCode()));
        facts.put("path", "/" + options.getUriPathString());
        facts.put("query", options.getUriQueryString());
        facts.put("accept", options.getAccept());
        facts.put("contentFormat", options.getContentFormat());
        facts.put("payload", HexFormat.of().formatHex(request.getPayload()));
        events.write("requested", facts);
    }

    /** Called for every transmission; a retransmission is the same object and no new notification. */
    @Override
    public synchronized void sendResponse(Response response) {
        String path = observed.get(response.getToken());
        boolean piggybacked = response.getType() == Type.ACK;
        if (path == null || !response.getOptions().hasObserve() || piggybacked)
            return;
        Unacknowledged sent = unacknowledged.get(response.getMID());
        if (sent != null && sent.response == response)
            return;
        Map<String, Object> notification = new LinkedHashMap<>();
        notification.put("endpoint", endpoint);
        notification.put("path", path);
        notification.put("messageId", response.getMID());
        notification.put("confirmable", response.isConfirmable());
        notification.put("value", value(path, response));
        if (response.isConfirmable())
            unacknowledged.put(response.getMID(), new Unacknowledged(response, notification));
        events.write("notified", notification);
    }

    @Override
    public synchronized void receiveEmptyMessage(EmptyMessage message) {
        Unacknowledged sent = unacknowledged.remove(message.getMID());
        if (sent != null)
            events.write(message.getType() == Type.ACK ? "acknowledged" : "reset", sent.notification);
    }

    private Object value(String path, Response response) {
        ContentFormat format = ContentFormat.fromCode(response.getOptions().getContentFormat());
        try {
            if (path.equals(COMPOSITE))
                return Values.toJson(decoder.decodeNodes(response.getPayload(), format, null, model));
            return Values.toJson(decoder.decode(response.getPayload(), format, new LwM2mPath(path), model));
        } catch (CodecException e) {
            return "undecodable: " + e.getMessage();
        }
    }
}
