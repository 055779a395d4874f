package io.tidegate.runtime.front;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.function.ToLongFunction;

/** Calls, failures and durations by method, in Prometheus's text format. */
final class Metrics {
    static final String CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

    private static final double[] BOUNDS = {.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10};
    private static final Set<String> METHODS = Set.of(
            "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT");

    private static final class Row {
        private final long[] buckets = new long[BOUNDS.length + 1];
        private long calls;
        private long failures;
        private double seconds;
    }

    private final Map<String, Row> rows = new LinkedHashMap<>();

    /** Count one call that has ended; unknown methods are `other`. */
    void observe(String method, double seconds, boolean failed) {
        String known = METHODS.contains(method) ? method : "other";
        Row row = rows.computeIfAbsent(known, name -> new Row());
        int bucket = 0;
        while (bucket < BOUNDS.length && seconds > BOUNDS[bucket]) {
            bucket++;
        }
        row.buckets[bucket]++;
        row.calls++;
        row.failures += failed ? 1 : 0;
        row.seconds += seconds;
    }

    /** The whole text. */
    String render() {
        StringBuilder text = new StringBuilder();
        heading(text, "function_duration_seconds", "Duration of calls in seconds", "histogram");
        rows.forEach((method, row) -> histogram(text, method, row));
        counter(text, "function_calls_total", "Calls that have ended", row -> row.calls);
        counter(text, "function_failures_total", "Calls that failed", row -> row.failures);
        return text.toString();
    }

    private static void heading(StringBuilder text, String name, String help, String type) {
        text.append("# HELP ").append(name).append(' ').append(help).append('\n');
        text.append("# TYPE ").append(name).append(' ').append(type).append('\n');
    }

    private static void histogram(StringBuilder text, String method, Row row) {
        String label = "{method=\"" + method + "\"";
        String name = "function_duration_seconds";
        long total = 0;
        for (int index = 0; index < row.buckets.length; index++) {
            total += row.buckets[index];
            String bound = index < BOUNDS.length ? Double.toString(BOUNDS[index]) : "+Inf";
            text.append(name).append("_bucket").append(label).append(",le=\"").append(bound);
            text.append("\"} ").append(total).append('\n');
        }
        text.append(name).append("_sum").append(label).append("} ").append(row.seconds);
        text.append('\n').append(name).append("_count").append(label).append("} ").append(total);
        text.append('\n');
    }

    private void counter(StringBuilder text, String name, String help, ToLongFunction<Row> count) {
        heading(text, name, help, "counter");
        rows.forEach((method, row) -> {
            text.append(name).append("{method=\"").append(method).append("\"} ");
            text.append(count.applyAsLong(row)).append('\n');
        });
    }
}
