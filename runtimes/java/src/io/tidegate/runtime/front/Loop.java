package io.tidegate.runtime.front;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SelectableChannel;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.util.PriorityQueue;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;

/** The front's one thread: waits for channels and for times, and runs what is due. */
final class Loop {
    private static final int SCRATCH = 64 * 1024;

    /** Who is told that a channel is ready. */
    interface Ready {
        void ready(int operations);
    }

    /** Something to run later. */
    static final class Timer implements Comparable<Timer> {
        private final double at;
        private Runnable action;

        private Timer(double at, Runnable action) {
            this.at = at;
            this.action = action;
        }

        void cancel() {
            action = () -> {};
        }

        @Override
        public int compareTo(Timer other) {
            return Double.compare(at, other.at);
        }
    }

    /** For reading: what is read is taken out before the next channel's turn. */
    final ByteBuffer scratch = ByteBuffer.allocateDirect(SCRATCH);

    private final Selector selector;
    private final PriorityQueue<Timer> timers = new PriorityQueue<>();
    private final Queue<Runnable> soon = new ConcurrentLinkedQueue<>();

    Loop() throws IOException {
        selector = Selector.open();
    }

    /** Seconds of a clock that only goes forward. */
    static double now() {
        return System.nanoTime() / 1e9;
    }

    /** Tell `ready` of these operations on the channel. */
    SelectionKey register(SelectableChannel channel, int operations, Ready ready)
            throws IOException {
        channel.configureBlocking(false);
        return channel.register(selector, operations, ready);
    }

    /** Close a channel now: a registered one would be closed at the next selection. */
    void close(SelectableChannel channel) throws IOException {
        channel.close();
        selector.selectNow(Loop::dispatch);
    }

    /** Run an action in so many seconds. */
    Timer later(double seconds, Runnable action) {
        Timer timer = new Timer(now() + seconds, action);
        timers.add(timer);
        return timer;
    }

    /** Run an action on the loop's thread; to be called from any. */
    void soon(Runnable action) {
        soon.add(action);
        selector.wakeup();
    }

    /** Go on for ever. */
    void run() throws IOException {
        while (true) {
            for (Runnable action; (action = soon.poll()) != null; ) {
                action.run();
            }
            runTimers();
            wait(timers.peek());
        }
    }

    private void runTimers() {
        double now = now();
        while (!timers.isEmpty() && timers.peek().at <= now) {
            timers.poll().action.run();
        }
    }

    private void wait(Timer next) throws IOException {
        if (!soon.isEmpty()) {
            selector.selectNow(Loop::dispatch);
        } else if (next == null) {
            selector.select(Loop::dispatch);
        } else {
            long milliseconds = (long) Math.ceil((next.at - now()) * 1e3);
            selector.select(Loop::dispatch, Math.max(1, milliseconds));
        }
    }

    private static void dispatch(SelectionKey key) {
        if (key.isValid()) {
            ((Ready) key.attachment()).ready(key.readyOps());
        }
    }
}
