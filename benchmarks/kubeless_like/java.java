import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.prometheus.client.Counter;
import io.prometheus.client.Histogram;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.lang.reflect.Method;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.concurrent.Executors;
import java.util.stream.Collectors;

/**
 * The design of Kubeless's server for Java: the JDK's server as it comes and fifty threads, of which
 * each runs a call for as long as that takes: there is no timeout. As it comes, the server writes an
 * answer in two pieces, and on a connection that is kept the second one waits 40 ms for the client's
 * acknowledgement. It logs nothing, which is in its favour. Prints its port.
 */
class KubelessLike {
    static final Counter CALLS = Counter.build("function_calls_total", "calls").register();
    static final Counter FAILURES = Counter.build("function_failures_total", "failures").register();
    static final Histogram SECONDS = Histogram.build("function_duration_seconds", "time").register();

    record Event(String data, String id, String type, String time, String namespace) {}

    /** What is called, as any function is, by its name. */
    static class Functions {
        public String context(Event event, Map<String, String> context) {
            return context.entrySet().stream()
                    .map(each -> "\"" + each.getKey() + "\":\"" + each.getValue() + "\"")
                    .collect(Collectors.joining(",", "{", "}"));
        }

        public String wait(Event event, Map<String, String> context) throws InterruptedException {
            Thread.sleep(50);
            return "awake";
        }
    }

    record Handler(Object functions, Method function) {
        void handle(HttpExchange exchange) throws IOException {
            CALLS.inc();
            try (Histogram.Timer timer = SECONDS.startTimer()) {
                send(exchange, 200, (String) function.invoke(functions, event(exchange), context()));
            } catch (ReflectiveOperationException error) {
                FAILURES.inc();
                send(exchange, 500, "Error: 500 Internal Server Error");
            }
        }

        private Map<String, String> context() {
            return Map.of("function-name", function.getName(), "timeout", "180", "runtime", "java");
        }
    }

    static Event event(HttpExchange exchange) throws IOException {
        InputStreamReader body =
                new InputStreamReader(exchange.getRequestBody(), StandardCharsets.UTF_8);
        try (BufferedReader lines = new BufferedReader(body)) {
            String data = lines.lines().collect(Collectors.joining());
            return new Event(data, header(exchange, "id"), header(exchange, "type"),
                    header(exchange, "time"), header(exchange, "namespace"));
        }
    }

    static String header(HttpExchange exchange, String attribute) {
        String value = exchange.getRequestHeaders().getFirst("event-" + attribute);
        return value == null ? "" : value;
    }

    static void send(HttpExchange exchange, int status, String text) throws IOException {
        byte[] answer = text.getBytes(StandardCharsets.UTF_8);
        exchange.sendResponseHeaders(status, answer.length);
        exchange.getResponseBody().write(answer);
        exchange.close();
    }

    public static void main(String[] arguments) throws Exception {
        Method function = Functions.class.getMethod(arguments[0], Event.class, Map.class);
        HttpServer server =
                HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.createContext("/", new Handler(new Functions(), function)::handle);
        server.setExecutor(Executors.newFixedThreadPool(50));
        server.start();
        System.out.println(server.getAddress().getPort());
    }
}
