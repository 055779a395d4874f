package io.tidegate.runtime.front;

import io.tidegate.runtime.Settings;
import java.io.FileDescriptor;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.channels.SelectionKey;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/** The front: listens, reads requests, lets a worker run the function, and stops in good order. */
public final class Front {
    private static final int CONNECTION_LIMIT = 1024;
    private static final double SWEEP = 5;
    private static final double LAST_GRACE = 2;
    private static final double FLUSH = 1;

    private final Settings settings;
    private final Loop loop = new Loop();
    private final Wire wire = new Wire();
    private final Metrics metrics = new Metrics();
    private final LineWriter log = new LineWriter(FileDescriptor.err);
    private final LineWriter access = new LineWriter(FileDescriptor.out);
    private final Set<Connection> connections = new LinkedHashSet<>();
    private final HeldBytes held;
    private final Pool pool;
    private ServerSocketChannel server;
    private int port;
    private long lastCall;
    private boolean sweeping;
    private boolean draining;
    private boolean ending;
    private boolean loadFailed;
    private int code;
    private String lastWords;

    private Front(Settings settings, WorkerProcess first) throws IOException {
        this.settings = settings;
        this.held = new HeldBytes(settings.bodyLimit());
        this.pool = new Pool(this, first);
    }

    /** Serve until a signal or a failure ends it. */
    public static void main(String[] arguments) throws IOException {
        Thread.setDefaultUncaughtExceptionHandler(Front::crash);
        try {
            Settings settings = Settings.of(System.getenv());
            WorkerProcess first = WorkerProcess.start(); // it loads the function while we load
            new Front(settings, first).run();
        } catch (Settings.Wrong error) {
            System.err.println(error.getMessage());
            Runtime.getRuntime().halt(Settings.BAD_CONFIGURATION);
        }
    }

    /** A front without its loop would neither answer nor end: whoever supervises it starts anew. */
    private static void crash(Thread thread, Throwable error) {
        error.printStackTrace();
        Runtime.getRuntime().halt(1);
    }

    private void run() throws IOException {
        Runtime.getRuntime().addShutdownHook(new Thread(this::stopOnSignal, "stop"));
        try {
            listen();
        } catch (IOException error) {
            boolean isFile = error instanceof FileSystemException; // whose message is its name
            String why = isFile ? error.toString() : error.getMessage();
            lastWords = "listening on " + address(settings.port()) + ": " + why;
            end(Settings.BIND_FAILED);
        }
        loop.run();
    }

    private void listen() throws IOException {
        InetSocketAddress wanted = new InetSocketAddress(settings.host(), settings.port());
        if (wanted.isUnresolved()) {
            throw new IOException("no such host");
        }
        server = ServerSocketChannel.open();
        server.bind(wanted, CONNECTION_LIMIT);
        port = server.socket().getLocalPort();
        loop.register(server, SelectionKey.OP_ACCEPT, operations -> accept());
        if (settings.portFile() != null) {
            writeWhole(Path.of(settings.portFile()), port + "\n");
        }
    }

    private String address(int at) {
        return settings.host() + ":" + at;
    }

    /** Write a file so that a reader finds all of it or none. */
    private static void writeWhole(Path path, String text) throws IOException {
        Path unfinished = Path.of(path + "." + ProcessHandle.current().pid());
        Files.writeString(unfinished, text, StandardCharsets.US_ASCII);
        Files.move(unfinished, path, StandardCopyOption.ATOMIC_MOVE);
    }

    private void accept() {
        try {
            SocketChannel channel = server.accept();
            if (channel == null) {
                return;
            }
            Connection connection = new Connection(this, channel);
            connections.add(connection);
            if (connections.size() > CONNECTION_LIMIT) {
                connection.refuse(503, "too many connections at once: try again");
            }
            sweepLater();
        } catch (IOException error) {
            // who came has gone
        }
    }

    private void sweepLater() {
        if (!sweeping) {
            sweeping = true;
            loop.later(SWEEP, this::sweep);
        }
    }

    /** Close connections whose client is silent, while there are any. */
    private void sweep() {
        sweeping = false;
        List.copyOf(connections).forEach(one -> one.closeIfIdle(Connection.IDLE_TIMEOUT));
        if (!connections.isEmpty()) {
            sweepLater();
        }
    }

    /** The virtual machine ends when its hooks have: this one waits for the loop, which ends it. */
    private void stopOnSignal() {
        loop.soon(this::stop);
        try {
            Thread.currentThread().join();
        } catch (InterruptedException error) {
            Thread.currentThread().interrupt();
        }
    }

    /** Accept no more, and let the calls in flight end. */
    private void stop() {
        if (draining) {
            return;
        }
        draining = true;
        try {
            loop.close(server);
        } catch (IOException error) {
            // it is closed as well
        }
        List.copyOf(connections).forEach(one -> one.closeIfIdle(0));
        loop.later(settings.shutdownTimeout(), this::cutShort);
        rested();
    }

    private void cutShort() {
        if (!ending && pool.unfinished() > 0) {
            lastWords = "stopping: " + pool.unfinished() + " calls were cut short";
            end(Settings.CUT_SHORT);
        } else if (!ending) {
            end(0);
        }
    }

    /** A call, a connection or a worker has ended, perhaps the last one. */
    void rested() {
        if (draining && !ending && pool.isIdle() && connections.isEmpty()) {
            end(0);
        } else if (ending && pool.isEmpty()) {
            exit();
        }
    }

    /** End the workers, and then the process. */
    private void end(int with) {
        draining = true;
        ending = true;
        code = with;
        pool.close();
        loop.later(LAST_GRACE, this::exit);
        loop.soon(this::rested);
    }

    private void exit() {
        List.copyOf(connections).forEach(Connection::abort);
        if (lastWords != null) {
            log(settings.title() + ": " + lastWords);
        }
        log.flush(FLUSH);
        access.flush(FLUSH);
        Runtime.getRuntime().halt(code);
    }

    void loaded() {
        log(settings.title() + ": ready on " + address(port) + " (Java "
                + System.getProperty("java.version") + ", timeout "
                + Settings.plain(settings.timeout()) + " s)");
    }

    void loadFailed(String sentence) {
        if (!loadFailed) {
            loadFailed = true;
            lastWords = sentence;
            end(Settings.LOAD_FAILED);
        }
    }

    void log(String line) {
        log.write(line);
    }

    Settings settings() {
        return settings;
    }

    Loop loop() {
        return loop;
    }

    Wire wire() {
        return wire;
    }

    Pool pool() {
        return pool;
    }

    HeldBytes held() {
        return held;
    }

    Metrics metrics() {
        return metrics;
    }

    boolean isDraining() {
        return draining;
    }

    /** Answer for the server: is it alive, is the function ready, what has it done. */
    boolean answerItself(Connection client, String path) {
        switch (path) {
            case "/healthz" -> client.say(200, "OK");
            case "/readyz" -> {
                if (pool.isReady() && !draining) {
                    client.say(200, "OK");
                } else {
                    client.say(503, draining ? "stopping" : "the function is not loaded yet");
                }
            }
            case "/metrics" -> client.respond(
                    200,
                    Wire.bytes("Content-Type: " + Metrics.CONTENT_TYPE + "\r\n"),
                    Wire.bytes(metrics.render()));
            default -> {
                return false;
            }
        }
        return true;
    }

    /** Run the function. */
    Call submit(Connection client, Head head, byte[] body) throws Unavailable {
        double unixNow = System.currentTimeMillis() / 1e3;
        double allowed = Math.min(settings.timeout(), head.allowed(unixNow));
        Call.Times times = new Call.Times(Loop.now(), allowed, unixNow);
        Call call = new Call(++lastCall, head, body, times, client);
        pool.submit(call);
        return call;
    }

    /** An answer is complete: Apache's combined line, where wanted. */
    void answered(Connection client, Head head, int status, long size) {
        if (settings.accessLog() && head != null) {
            access.write(AccessLine.of(client.peer, head, status, size));
        }
    }

    /** The connection has closed, perhaps before the call's answer was complete. */
    void lost(Connection client, Call call) {
        connections.remove(client);
        if (call != null) {
            pool.forget(call);
        }
        rested();
    }
}
