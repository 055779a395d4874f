package io.tidegate.runtime.front;

import io.tidegate.Headers.Header;
import java.util.List;
import java.util.Map;

/**
 * A request's head.
 *
 * @param target path and query, as sent
 * @param minor the 1 of HTTP/1.1
 * @param known by lower-case name, repeated values joined
 * @param length bytes of body that follow; CHUNKED when it has none to say
 */
record Head(
        String method,
        String target,
        int minor,
        List<Header> headers,
        Map<String, String> known,
        long length,
        boolean keepAlive) {

    static final long CHUNKED = -1;

    /** The target without its query, still encoded. */
    String path() {
        int mark = target.indexOf('?');
        return mark < 0 ? target : target.substring(0, mark);
    }

    /** Seconds that the request's own deadline leaves; infinite without one. */
    double allowed(double unixNow) {
        String text = known.get("x-tidegate-deadline");
        try {
            double deadline = text == null ? Double.NaN : Double.parseDouble(text);
            if (Double.isFinite(deadline)) {
                return Math.max(0, deadline - unixNow);
            }
        } catch (NumberFormatException error) {
            // what is no number is ignored
        }
        return Double.POSITIVE_INFINITY;
    }
}
