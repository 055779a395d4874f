package io.tidegate.runtime.front;

import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.Locale;

/** A request in Apache's combined format. */
final class AccessLine {
    private static final DateTimeFormatter WHEN =
            DateTimeFormatter.ofPattern("dd/MMM/yyyy:HH:mm:ss xx", Locale.ROOT);

    private AccessLine() {}

    static String of(String peer, Head head, int status, long size) {
        String request = head.method() + " " + head.target() + " HTTP/1." + head.minor();
        return peer + " - - [" + WHEN.format(ZonedDateTime.now()) + "] " + quoted(request) + " "
                + status + " " + size + " " + quoted(head.known().getOrDefault("referer", "-"))
                + " " + quoted(head.known().getOrDefault("user-agent", "-"));
    }

    private static String quoted(String text) {
        return '"' + text.replace("\\", "\\\\").replace("\"", "\\\"") + '"';
    }
}
