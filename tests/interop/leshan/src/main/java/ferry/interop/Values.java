package ferry.interop;

import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.Arrays;
import java.util.Date;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.TreeMap;

import org.eclipse.leshan.core.link.Link;
import org.eclipse.leshan.core.link.LinkParseException;
import org.eclipse.leshan.core.link.lwm2m.DefaultLwM2mLinkParser;
import org.eclipse.leshan.core.model.ResourceModel.Type;
import org.eclipse.leshan.core.node.LwM2mMultipleResource;
import org.eclipse.leshan.core.node.LwM2mNode;
import org.eclipse.leshan.core.node.LwM2mObject;
import org.eclipse.leshan.core.node.LwM2mObjectInstance;
import org.eclipse.leshan.core.node.LwM2mPath;
import org.eclipse.leshan.core.node.LwM2mResource;
import org.eclipse.leshan.core.node.LwM2mResourceInstance;
import org.eclipse.leshan.core.node.LwM2mSingleResource;
import org.eclipse.leshan.core.node.ObjectLink;
import org.eclipse.leshan.core.util.datatype.ULong;

import com.fasterxml.jackson.databind.JsonNode;

/** Values between JSON and Leshan: integers beyond 2^53 as text, which JSON of JavaScript would round, OPAQUE as hex, TIME as RFC 3339 text, OBJLNK as "3:0", CORELINK as link format, multiple instances as an object. */
final class Values {
    private Values() {
    }

    /** A resource of that type: with instances where the JSON is an object, else a single value. */
    static LwM2mResource resource(int id, JsonNode json, Type type) {
        if (!json.isObject())
            return LwM2mSingleResource.newResource(id, value(json, type), type);
        Map<Integer, Object> instances = new TreeMap<>();
        json.fields().forEachRemaining(field -> instances.put(Integer.valueOf(field.getKey()), value(field.getValue(), type)));
        return LwM2mMultipleResource.newResource(id, instances, type);
    }

    static Object value(JsonNode json, Type type) {
        switch (type) {
        case STRING:
            return json.asText();
        case INTEGER:
            return json.asLong();
        case UNSIGNED_INTEGER:
            return ULong.valueOf(json.asText());
        case FLOAT:
            return json.asDouble();
        case BOOLEAN:
            return json.asBoolean();
        case OPAQUE:
            return HexFormat.of().parseHex(json.asText());
        case TIME:
            return Date.from(Instant.parse(json.asText()));
        case OBJLNK:
            return ObjectLink.decodeFromString(json.asText());
        case CORELINK:
            try {
                return new DefaultLwM2mLinkParser().parseCoreLinkFormat(json.asText().getBytes(StandardCharsets.UTF_8));
            } catch (LinkParseException e) {
                throw new IllegalArgumentException(e);
            }
        default:
            throw new IllegalArgumentException("no value of type " + type);
        }
    }

    /** What nodes hold, by path, for an event; null where the device has no such node. */
    static Map<String, Object> toJson(Map<LwM2mPath, LwM2mNode> nodes) {
        Map<String, Object> json = new LinkedHashMap<>();
        nodes.forEach((path, node) -> json.put(path.toString(), node == null ? null : toJson(node)));
        return json;
    }

    /** What a node holds, for an event. */
    static Object toJson(LwM2mNode node) {
        if (node instanceof LwM2mSingleResource single)
            return toJson(single.getValue());
        if (node instanceof LwM2mResourceInstance instance)
            return toJson(instance.getValue());
        if (node instanceof LwM2mResource multiple)
            return children(multiple.getInstances());
        if (node instanceof LwM2mObjectInstance instance)
            return children(instance.getResources());
        if (node instanceof LwM2mObject object)
            return children(object.getInstances());
        return String.valueOf(node);
    }

    private static Object exact(BigInteger integer) {
        return integer.bitLength() > 53 ? integer.toString() : integer;
    }

    private static Map<String, Object> children(Map<Integer, ? extends LwM2mNode> nodes) {
        Map<String, Object> json = new LinkedHashMap<>();
        new TreeMap<>(nodes).forEach((id, node) -> json.put(id.toString(), toJson(node)));
        return json;
    }

    private static Object toJson(Object value) {
        if (value instanceof byte[] bytes)
            return HexFormat.of().formatHex(bytes);
        if (value instanceof Date time)
            return time.toInstant().toString();
        if (value instanceof ULong unsigned)
            return exact(unsigned.toBigInteger());
        if (value instanceof Long integer)
            return exact(BigInteger.valueOf(integer));
        if (value instanceof ObjectLink link)
            return link.encodeToString();
        if (value instanceof Link[] links)
            return Arrays.toString(links);
        return value;
    }
}
