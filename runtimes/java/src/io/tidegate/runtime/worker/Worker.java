package io.tidegate.runtime.worker;

import io.kubeless.Context;
import io.tidegate.runtime.Frame;
import io.tidegate.runtime.Settings;
import java.io.IOException;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/** One worker: a process that runs the function's calls side by side, and owns no connection. */
public final class Worker {
    /** The name of threads that run calls. */
    static final String THREAD = "call";

    /** How long shutdown hooks may take when the front has closed the channel, milliseconds. */
    private static final long HOOKS_LIMIT = 1000;

    final FrontLink front;
    final Function function;
    final Context context;
    final String title;
    final Map<Long, Invocation> running = new ConcurrentHashMap<>();

    private final ExecutorService threads;

    private Worker(FrontLink front, Function function, Settings settings) {
        this.front = front;
        this.function = function;
        this.title = settings.title();
        String timeout = Settings.plain(settings.timeout());
        Context context = new Context(
                settings.function(), timeout, settings.runtime(), settings.memoryLimit());
        this.context = context.of(settings.name(), settings.namespace());
        this.threads = Executors.newCachedThreadPool(this::thread);
    }

    /** Load the function, say so, and answer calls until the front closes the channel. */
    public static void main(String[] arguments) throws IOException, Settings.Wrong {
        Settings settings = Settings.of(System.getenv());
        FrontLink front = FrontLink.connect();
        try {
            Function function = FunctionLoader.load(settings);
            new Worker(front, function, settings).run();
        } catch (FunctionLoader.Failed error) {
            front.send(new Frame.Writer(Frame.FAILED).text(error.getMessage()));
            Runtime.getRuntime().halt(Settings.LOAD_FAILED);
        }
    }

    private void run() throws IOException {
        Leaving leaving = new Leaving(this);
        Runtime.getRuntime().addShutdownHook(leaving);
        front.send(new Frame.Writer(Frame.READY).flag(function.isShared()));
        for (Frame.Reader frame; (frame = front.receive()) != null; ) {
            take(frame);
        }
        leaving.waitForNobody();
        end();
    }

    private void take(Frame.Reader frame) {
        if (frame.kind == Frame.CALL) {
            Invocation invocation = new Invocation(this, frame);
            running.put(frame.call, invocation);
            threads.execute(invocation);
            return;
        }
        Invocation invocation = running.get(frame.call);
        if (invocation == null) {
            return; // it has ended meanwhile
        }
        if (frame.kind == Frame.CANCEL) {
            invocation.cancel();
        } else {
            invocation.more();
        }
    }

    /** Run what belongs to a call but must not hold up who asks for it. */
    void execute(Runnable action) {
        threads.execute(action);
    }

    private Thread thread(Runnable action) {
        Thread thread = new Thread(action, THREAD);
        thread.setDaemon(true);
        thread.setContextClassLoader(function.loader());
        return thread;
    }

    /** The front is gone or wants no more: nothing may stay behind, whatever the function does. */
    private void end() {
        Thread last = new Thread(() -> {
            try {
                Thread.sleep(HOOKS_LIMIT);
            } catch (InterruptedException error) {
                Thread.currentThread().interrupt();
            }
            ProcessHandle.current().descendants().forEach(ProcessHandle::destroyForcibly);
            Runtime.getRuntime().halt(0);
        }, "last");
        last.setDaemon(true);
        last.start();
        ProcessHandle.current().descendants().forEach(ProcessHandle::destroyForcibly);
        System.exit(0);
    }
}
