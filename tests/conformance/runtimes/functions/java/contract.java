import io.kubeless.Context;
import io.kubeless.Event;
import io.tidegate.Request;
import io.tidegate.Response;
import io.tidegate.ResponseException;
import java.io.IOException;
import java.lang.reflect.Field;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Flow;
import java.util.concurrent.SubmissionPublisher;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;

/** The functions that every language's contract suite runs, in Java. */
public class contract {
    /** One thing that the acting function does. */
    interface Act {
        Object act(Map<String, String> query) throws Exception;
    }

    public static final Map<String, Act> ACTS = new HashMap<>();

    private static final AtomicInteger COUNTER = new AtomicInteger();

    static {
        ACTS.put("count", contract::count);
        ACTS.put("fail", contract::fail);
        ACTS.put("spin", contract::spin);
        ACTS.put("sleep", contract::sleep);
        ACTS.put("block", contract::block);
        ACTS.put("swallow", contract::swallow);
        ACTS.put("die", contract::die);
        ACTS.put("exit", contract::exit);
        ACTS.put("crash", contract::crash);
        ACTS.put("leak", contract::leak);
        ACTS.put("litter", contract::litter);
        ACTS.put("chatter", contract::chatter);
        ACTS.put("meet", contract::meet);
        ACTS.put("nap", contract::nap);
        ACTS.put("eat", contract::eat);
        ACTS.put("endless", query -> Stream.generate(() -> new byte[65536]));
        ACTS.put("broken", query -> parts("one", () -> {
            throw new IllegalStateException("the reason");
        }));
        ACTS.put("stuck", query -> parts("one", () -> {
            try {
                Thread.sleep(Long.MAX_VALUE);
            } catch (InterruptedException interrupted) {
                throw new IllegalStateException(interrupted);
            }
        }));
    }

    /** What the function was given, as JSON. */
    public Object echo(Event event, Context context) {
        Request request = event.request();
        Map<String, Object> echoed = new LinkedHashMap<>();
        echoed.put("data", event.data() instanceof byte[] bytes
                ? Map.of("bytes", new String(bytes, StandardCharsets.ISO_8859_1))
                : Collections.singletonMap("json", event.data()));
        echoed.put("event-id", event.EventID);
        echoed.put("event-type", event.EventType);
        echoed.put("event-time", event.EventTime);
        echoed.put("event-namespace", event.EventNamespace);
        echoed.put("cloudevent", event.cloudevent());
        echoed.put("request", Map.of(
                "method", request.method(),
                "path", request.path(),
                "query_string", request.queryString(),
                "query", request.query()));
        return echoed;
    }

    public Object context(Event event, Context context) {
        Map<String, Object> told = new LinkedHashMap<>();
        told.put("function-name", context.functionName());
        told.put("timeout", context.timeout());
        told.put("runtime", context.runtime());
        told.put("memory-limit", context.memoryLimit());
        told.put("name", context.name());
        told.put("namespace", context.namespace());
        told.put("deadline", context.deadline());
        return told;
    }

    public Object reply(Event event, Context context) {
        Response teapot = Response.of("short and stout").status(418).header("X-Kind", "teapot");
        return switch (event.request().path()) {
            case "/text" -> "grüße";
            case "/bytes" -> new byte[] {0, (byte) 0xff};
            case "/object" -> Map.of("a", Arrays.asList(1, null, true));
            case "/list" -> List.of("a", 1);
            case "/number" -> 42;
            case "/false" -> false;
            case "/nothing" -> null;
            case "/status" -> Response.of("made").status(201);
            case "/status-headers" -> Response.of("").status(302).header("Location", "/elsewhere");
            case "/response" -> teapot;
            case "/raised" -> throw new ResponseException(teapot);
            case "/shaped" -> {
                event.response().status(201).header("X-Shaped", "yes").contentType("text/csv");
                yield "a,b";
            }
            case "/parts" -> Stream.of("one ", "two".getBytes(StandardCharsets.UTF_8));
            case "/no-content" -> new Response().status(204);
            case "/unwritable" -> new Object();
            case "/bad-header" -> Response.of("").header("X-Bad", "a\r\nSet-Cookie: b");
            case "/bad-status" -> Response.of("").status(99);
            case "/large" -> "x".repeat(3_000_000).getBytes(StandardCharsets.UTF_8);
            default -> throw new IllegalArgumentException(event.request().path());
        };
    }

    public CompletableFuture<Object> reply_async(Event event, Context context) {
        return CompletableFuture.supplyAsync(() -> reply(event, context));
    }

    public Flow.Publisher<Object> parts_async(Event event, Context context) {
        SubmissionPublisher<Object> publisher = new SubmissionPublisher<>();
        CompletableFuture.runAsync(() -> {
            while (!publisher.hasSubscribers()) {
                Thread.onSpinWait();
            }
            publisher.submit("one ");
            publisher.submit("two".getBytes(StandardCharsets.UTF_8));
            publisher.close();
        });
        return publisher;
    }

    /** Do what the query says, as good and bad functions do. */
    public Object act(Event event, Context context) throws Exception {
        Map<String, String> query = event.request().query();
        return ACTS.get(query.get("do")).act(query);
    }

    public CompletableFuture<Object> act_async(Event event, Context context) throws Exception {
        Map<String, String> query = event.request().query();
        return switch (query.get("do")) {
            case "hang" -> new CompletableFuture<>();
            case "swallow" -> CompletableFuture.supplyAsync(() -> swallow(query));
            case "sleep" -> new CompletableFuture<>().completeOnTimeout(
                    "slept", (long) (1e3 * Double.parseDouble(query.get("seconds"))), TimeUnit.MILLISECONDS);
            default -> CompletableFuture.completedFuture(ACTS.get(query.get("do")).act(query));
        };
    }

    private static Object count(Map<String, String> query) {
        return Map.of("count", COUNTER.incrementAndGet(), "pid", ProcessHandle.current().pid());
    }

    private static Object fail(Map<String, String> query) {
        throw new IllegalArgumentException("the reason");
    }

    @SuppressWarnings("InfiniteLoopStatement")
    private static Object spin(Map<String, String> query) {
        while (true) {
            COUNTER.get();
        }
    }

    private static Object sleep(Map<String, String> query) throws InterruptedException {
        Thread.sleep((long) (1e3 * Double.parseDouble(query.getOrDefault("seconds", "1e6"))));
        return null;
    }

    /** Blocks where no interrupt gets in. */
    private static Object block(Map<String, String> query) throws IOException {
        try (ServerSocket nobody = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return nobody.accept().getPort();
        }
    }

    @SuppressWarnings("InfiniteLoopStatement")
    private static Object swallow(Map<String, String> query) {
        while (true) {
            try {
                Thread.sleep(1_000_000);
            } catch (InterruptedException swallowed) {
                // on purpose
            }
        }
    }

    private static Object die(Map<String, String> query) {
        Runtime.getRuntime().halt(7);
        return null;
    }

    private static Object exit(Map<String, String> query) {
        System.exit(7);
        return null;
    }

    private static Object crash(Map<String, String> query) throws Exception {
        Class<?> type = Class.forName("sun.misc.Unsafe");
        Field unsafe = type.getDeclaredField("theUnsafe");
        unsafe.setAccessible(true);
        type.getMethod("putAddress", long.class, long.class).invoke(unsafe.get(null), 0L, 0L);
        return null;
    }

    /** Take memory that is none of the heap's, without end. */
    private static Object leak(Map<String, String> query) throws Exception {
        Class<?> type = Class.forName("sun.misc.Unsafe");
        Field field = type.getDeclaredField("theUnsafe");
        field.setAccessible(true);
        Object unsafe = field.get(null);
        while (true) {
            Object address = type.getMethod("allocateMemory", long.class).invoke(unsafe, 1_000_000L);
            type.getMethod("setMemory", long.class, long.class, byte.class)
                    .invoke(unsafe, address, 1_000_000L, (byte) 1);
        }
    }

    /** Start programs that go on, and leave them alone. */
    private static Object litter(Map<String, String> query) throws IOException {
        List<Long> pids = new java.util.ArrayList<>();
        for (int count = 0; count < 3; count++) {
            pids.add(new ProcessBuilder("sleep", "1000").start().pid());
        }
        return pids;
    }

    private static Object chatter(Map<String, String> query) {
        String line = "x".repeat(1000);
        for (int count = 0; count < 20_000; count++) {
            System.out.println(line);
        }
        return "said";
    }

    /** Wait until the other party has come, too: only calls that run side by side meet. */
    private static Object meet(Map<String, String> query) throws Exception {
        Path folder = Path.of(query.get("folder"));
        Files.createFile(folder.resolve(query.get("me")));
        while (!Files.exists(folder.resolve(query.get("other")))) {
            Thread.sleep(5);
        }
        return "met";
    }

    private static Object nap(Map<String, String> query) throws Exception {
        Path file = Path.of(query.get("file"));
        try {
            Files.createFile(file);
            Thread.sleep((long) (1e3 * Double.parseDouble(query.get("seconds"))));
        } finally {
            Files.createFile(Path.of(file + ".unwound"));
        }
        return "awake";
    }

    /** Take memory until there is none. */
    private static Object eat(Map<String, String> query) {
        List<byte[]> eaten = new java.util.ArrayList<>();
        while (true) {
            eaten.add(new byte[1024 * 1024]);
        }
    }

    private static Iterator<Object> parts(Object first, Runnable then) {
        return new Iterator<>() {
            private boolean begun;

            @Override
            public boolean hasNext() {
                return true;
            }

            @Override
            public Object next() {
                if (begun) {
                    then.run();
                }
                begun = true;
                return first;
            }
        };
    }
}
