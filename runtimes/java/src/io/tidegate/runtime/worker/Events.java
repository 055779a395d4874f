package io.tidegate.runtime.worker;

import io.kubeless.Event;
import io.tidegate.Headers;
import io.tidegate.Headers.Header;
import io.tidegate.Json;
import io.tidegate.Request;
import io.tidegate.runtime.Frame;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** From a request to the function's event. */
final class Events {
    private Events() {}

    /** The event of one request; throws Json.Malformed. */
    static Event of(Request request) {
        Map<String, String> known = new LinkedHashMap<>();
        List<Header> headers = request.headers().list();
        headers.forEach(one -> known.put(one.name().toLowerCase(Locale.ROOT), one.value()));
        Map<String, String> cloudevent = known.containsKey("ce-id") ? cloudevent(known) : null;
        Map<String, String> attributes = cloudevent == null ? Map.of() : cloudevent;
        Event.Attributes ours = new Event.Attributes(
                known.getOrDefault("event-id", attributes.get("id")),
                known.getOrDefault("event-type", attributes.get("type")),
                known.getOrDefault("event-time", attributes.get("time")),
                known.get("event-namespace"),
                cloudevent);
        return new Event(ours, data(known.get("content-type"), request.body()), request);
    }

    /** The attributes of binary mode, percent-decoded. */
    private static Map<String, String> cloudevent(Map<String, String> known) {
        Map<String, String> attributes = new LinkedHashMap<>();
        known.forEach((name, value) -> {
            if (name.startsWith("ce-")) {
                attributes.put(name.substring(3), Request.percentDecoded(value));
            }
        });
        String type = known.get("content-type");
        if (type != null) {
            attributes.put("datacontenttype", type);
        }
        return attributes;
    }

    /** The body as the function sees it: JSON parsed, everything else as bytes. */
    private static Object data(String contentType, byte[] body) {
        if (contentType == null || !isJson(contentType)) {
            return body;
        }
        return body.length == 0 ? null : Json.read(body);
    }

    /** Whether a media type, with or without parameters, is JSON. */
    private static boolean isJson(String contentType) {
        int mark = contentType.indexOf(';');
        String type = mark < 0 ? contentType : contentType.substring(0, mark);
        type = type.strip().toLowerCase(Locale.ROOT);
        return type.equals("application/json") || type.endsWith("+json");
    }

    /** The request of a call's frame, read up to its end. */
    static Request request(Frame.Reader frame) {
        String method = frame.text();
        String target = frame.text();
        String peer = frame.text();
        Headers headers = new Headers(frame.headers());
        return new Request(method, target, headers, frame.bytes(), peer);
    }
}
