package io.tidegate.runtime.worker;

import io.tidegate.Headers;
import io.tidegate.Headers.Header;
import io.tidegate.Json;
import io.tidegate.Response;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import java.util.Set;

/** A status, encoded header lines, and a body or its parts. */
record Answer(int status, byte[] head, byte[] body, Parts parts) {
    private static final String TEXT = "text/plain; charset=utf-8";
    private static final String BYTES = "application/octet-stream";
    private static final byte[] NOTHING = {};
    private static final String NAME_MARKS = "!#$%&'*+-.^_`|~";
    private static final Set<String> SERVERS_OWN = Set.of(
            "connection", "content-length", "date", "keep-alive", "te", "trailer",
            "transfer-encoding", "upgrade");

    /** The function returned what cannot be sent; the message names it. */
    static final class Unanswerable extends RuntimeException {
        private static final long serialVersionUID = 1;

        Unanswerable(String message) {
            super(message, null, false, false);
        }
    }

    /** The answer for what a function returned, beside what it has shaped. */
    static Answer of(Object returned, Response shaped) {
        int status = shaped.status();
        Headers headers = shaped.headers();
        Object value = returned;
        if (returned instanceof Response response) {
            status = response.status();
            headers = merged(headers, response.headers());
            value = response.body();
        }
        if (status < 200 || status > 599) {
            throw new Unanswerable("the status must be a number from 200 to 599, not " + status);
        }
        Parts parts = Parts.of(value);
        String type = typeOf(value, parts);
        byte[] body = parts == null ? encoded(value) : null;
        return new Answer(status, lines(headers, type), body, parts);
    }

    private static Headers merged(Headers shaped, Headers returned) {
        Headers merged = new Headers(shaped.list().stream()
                .filter(one -> returned.getAll(one.name()).isEmpty())
                .toList());
        returned.list().forEach(one -> merged.add(one.name(), one.value()));
        return merged;
    }

    private static String typeOf(Object value, Parts parts) {
        if (value == null) {
            return null;
        }
        if (value instanceof byte[] || value instanceof InputStream) {
            return BYTES;
        }
        return value instanceof CharSequence || parts != null ? TEXT : "application/json";
    }

    private static byte[] encoded(Object value) {
        if (value == null) {
            return NOTHING;
        }
        if (value instanceof byte[] bytes) {
            return bytes;
        }
        if (value instanceof CharSequence text) {
            return text.toString().getBytes(StandardCharsets.UTF_8);
        }
        try {
            return Json.write(value);
        } catch (IllegalArgumentException error) {
            throw new Unanswerable("the returned " + value.getClass().getName()
                    + " cannot be written as JSON: " + error.getMessage());
        }
    }

    private static byte[] lines(Headers headers, String type) {
        StringBuilder lines = new StringBuilder();
        for (Header header : headers.list()) {
            if (!SERVERS_OWN.contains(header.name().toLowerCase(Locale.ROOT))) {
                line(lines, header.name(), header.value());
            }
        }
        if (type != null && headers.get("Content-Type") == null) {
            line(lines, "Content-Type", type);
        }
        return lines.toString().getBytes(StandardCharsets.ISO_8859_1);
    }

    private static void line(StringBuilder lines, String name, String value) {
        if (name.isEmpty() || !name.chars().allMatch(Answer::isNameCharacter)
                || value == null || !value.chars().allMatch(Answer::isValueCharacter)) {
            throw new Unanswerable(
                    "the response header '" + name + "' has a character that HTTP does not allow");
        }
        lines.append(name).append(": ").append(value).append("\r\n");
    }

    private static boolean isNameCharacter(int one) {
        return one < 128 && (Character.isLetterOrDigit(one) || NAME_MARKS.indexOf(one) >= 0);
    }

    private static boolean isValueCharacter(int one) {
        return one == '\t' || (one >= ' ' && one != 0x7f);
    }
}
