package io.tidegate.runtime.front;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.Map;

/** The parts of response heads. */
final class Wire {
    static final byte[] PLAIN = bytes("Content-Type: text/plain; charset=utf-8\r\n");
    static final byte[] RETRY =
            bytes("Content-Type: text/plain; charset=utf-8\r\nRetry-After: 1\r\n");
    static final byte[] CONTINUE = bytes("HTTP/1.1 100 Continue\r\n\r\n");
    static final byte[] LAST_CHUNK = bytes("0\r\n\r\n");

    private static final Map<Integer, String> PHRASES = Map.ofEntries(
            Map.entry(200, "OK"), Map.entry(201, "Created"), Map.entry(202, "Accepted"),
            Map.entry(204, "No Content"), Map.entry(206, "Partial Content"),
            Map.entry(301, "Moved Permanently"), Map.entry(302, "Found"),
            Map.entry(303, "See Other"), Map.entry(304, "Not Modified"),
            Map.entry(307, "Temporary Redirect"), Map.entry(308, "Permanent Redirect"),
            Map.entry(400, "Bad Request"), Map.entry(401, "Unauthorized"),
            Map.entry(403, "Forbidden"), Map.entry(404, "Not Found"),
            Map.entry(405, "Method Not Allowed"), Map.entry(408, "Request Timeout"),
            Map.entry(409, "Conflict"), Map.entry(410, "Gone"),
            Map.entry(413, "Content Too Large"), Map.entry(415, "Unsupported Media Type"),
            Map.entry(417, "Expectation Failed"), Map.entry(422, "Unprocessable Content"),
            Map.entry(425, "Too Early"), Map.entry(429, "Too Many Requests"),
            Map.entry(431, "Request Header Fields Too Large"),
            Map.entry(500, "Internal Server Error"), Map.entry(501, "Not Implemented"),
            Map.entry(502, "Bad Gateway"), Map.entry(503, "Service Unavailable"),
            Map.entry(504, "Gateway Timeout"));

    private long second = -1;
    private String date = "";

    static byte[] bytes(String text) {
        return text.getBytes(ISO_8859_1);
    }

    /** The status line and the Date header; the latter is made once a second. */
    String begin(int status) {
        long now = System.currentTimeMillis() / 1000;
        if (now != second) {
            second = now;
            Instant instant = Instant.ofEpochSecond(now);
            date = DateTimeFormatter.RFC_1123_DATE_TIME.format(instant.atOffset(ZoneOffset.UTC));
            date = date.length() == "Sun, 06 Nov 1994 08:49:37 GMT".length()
                    ? date
                    : date.replace(", ", ", 0");
        }
        String phrase = PHRASES.getOrDefault(status, "Status");
        return "HTTP/1.1 " + status + " " + phrase + "\r\nDate: " + date + "\r\n";
    }

    /** Whether a response to `method` with `status` carries a body. */
    static boolean hasBody(String method, int status) {
        return !method.equals("HEAD") && status != 204 && status != 304;
    }
}
