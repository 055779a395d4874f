package io.kubeless;

import io.tidegate.Request;
import io.tidegate.Response;
import java.nio.charset.StandardCharsets;
import java.util.Map;

/**
 * What a function is called with. The fields are those of Kubeless, where everything was text; the
 * methods are the function contract's, with types.
 */
public final class Event {
    /** The body as text, whatever its type. */
    public final String Data;

    /** The event's identity, or null. */
    public final String EventID;

    /** The event's type, or null. */
    public final String EventType;

    /** When it happened, as its sender wrote it, or null. */
    public final String EventTime;

    /** What sent it, or null. */
    public final String EventNamespace;

    private final Object data;
    private final Map<String, String> cloudevent;
    private final Request request;
    private final Response response = new Response();

    /** An event of the server's. */
    public Event(Attributes attributes, Object data, Request request) {
        this.Data = request.text();
        this.EventID = attributes.id();
        this.EventType = attributes.type();
        this.EventTime = attributes.time();
        this.EventNamespace = attributes.namespace();
        this.cloudevent = attributes.cloudevent();
        this.data = data;
        this.request = request;
    }

    /** An event for a test of a function. */
    public Event(String data, String id, String type, String time, String namespace) {
        this(
                new Attributes(id, type, time, namespace, null),
                data.getBytes(StandardCharsets.UTF_8),
                Request.of("POST", "/", data));
    }

    /** What the request's headers say about the event; absent ones are null. */
    public record Attributes(
            String id,
            String type,
            String time,
            String namespace,
            Map<String, String> cloudevent) {}

    /**
     * The body: of JSON types a Map, List, String, Long, BigInteger, Double, Boolean or null; of
     * all others its bytes.
     */
    public Object data() {
        return data;
    }

    /** The CloudEvent's attributes by name, or null when the event is none. */
    public Map<String, String> cloudevent() {
        return cloudevent;
    }

    /** The request as it came. */
    public Request request() {
        return request;
    }

    /** Status and headers of the answer, where the returned value does not say otherwise. */
    public Response response() {
        return response;
    }

    public String getData() {
        return Data;
    }

    public String getEventID() {
        return EventID;
    }

    public String getEventType() {
        return EventType;
    }

    public String getEventTime() {
        return EventTime;
    }

    public String getEventNamespace() {
        return EventNamespace;
    }
}
