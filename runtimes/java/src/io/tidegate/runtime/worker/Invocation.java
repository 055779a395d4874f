package io.tidegate.runtime.worker;

import io.kubeless.Context;
import io.kubeless.Event;
import io.tidegate.Json;
import io.tidegate.Request;
import io.tidegate.ResponseException;
import io.tidegate.runtime.Frame;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.concurrent.CompletionStage;

/** One call in its worker: the function, and what becomes of what it returns. */
final class Invocation implements Runnable {
    /** Larger bodies go in chunks: the front holds no more than a window of each. */
    private static final int WHOLE_LIMIT = 1024 * 1024;

    private static final byte[] PLAIN =
            "Content-Type: text/plain; charset=utf-8\r\n".getBytes(StandardCharsets.US_ASCII);

    private final Worker worker;
    private final long id;
    private final Frame.Reader frame;
    private Event event;
    private CompletionStage<?> pending;
    private Thread runner;
    private boolean cancelled;
    private boolean started;
    private int credit = Frame.WINDOW;

    /** The call's time is over, or its client is gone. */
    private static final class Stopped extends Exception {
        private static final long serialVersionUID = 1;

        Stopped() {
            super(null, null, false, false);
        }
    }

    /** A step that runs the function's own code. */
    private interface Step<T> {
        T take() throws Throwable;
    }

    Invocation(Worker worker, Frame.Reader frame) {
        this.worker = worker;
        this.id = frame.call;
        this.frame = frame;
    }

    @Override
    public void run() {
        try {
            double deadline = frame.number();
            event = event(Events.request(frame));
            if (event == null) {
                return;
            }
            Context context = worker.context.until(deadline);
            Object returned = guarded(() -> worker.function.call(event, context));
            if (returned instanceof CompletionStage<?> stage) {
                await(stage);
            } else {
                reply(returned);
            }
        } catch (Throwable error) {
            fail(error);
        }
    }

    /** The event; null when the request is answered with what is wrong with it. */
    private Event event(Request request) {
        try {
            return Events.of(request);
        } catch (Json.Malformed error) {
            String what = "the body is not the JSON that its Content-Type promises: ";
            answer(400, what + error.getMessage() + "\n", false);
            return null;
        }
    }

    /**
     * What the step returns; the only place where the function's thread is interrupted. Threads
     * are used again: none leaves with an interrupt pending.
     */
    private <T> T guarded(Step<T> step) throws Throwable {
        synchronized (this) {
            if (cancelled) {
                throw new Stopped();
            }
            runner = Thread.currentThread();
        }
        try {
            return step.take();
        } finally {
            synchronized (this) {
                runner = null;
                Thread.interrupted();
            }
        }
    }

    /** The thread that runs the function's code now, or null. */
    synchronized Thread thread() {
        return runner;
    }

    private void await(CompletionStage<?> stage) {
        synchronized (this) {
            pending = stage;
            if (cancelled) {
                AsyncStop.start(this, stage);
            }
        }
        stage.whenComplete((value, error) -> worker.execute(() -> settle(value, error)));
    }

    private void settle(Object value, Throwable error) {
        if (isCancelled()) {
            return; // its end is told when nothing of it runs any more
        }
        try {
            if (error != null) {
                throw error;
            }
            reply(value);
        } catch (Throwable failure) {
            fail(failure);
        }
    }

    private synchronized boolean isCancelled() {
        return cancelled;
    }

    /** Stop the call as well as Java can; what does not stop is killed by the front. */
    synchronized void cancel() {
        cancelled = true;
        if (runner != null) {
            runner.interrupt();
        }
        if (pending != null) {
            AsyncStop.start(this, pending);
        }
        notifyAll();
    }

    /** The client has taken a chunk. */
    synchronized void more() {
        credit++;
        notifyAll();
    }

    private synchronized void takeCredit() throws InterruptedException, Stopped {
        while (credit == 0 && !cancelled) {
            wait();
        }
        if (cancelled) {
            throw new Stopped();
        }
        credit--;
    }

    private void reply(Object returned) throws Throwable {
        Answer answer = Answer.of(returned, event.response());
        if (answer.parts() != null) {
            stream(answer, answer.parts());
        } else if (answer.body().length > WHOLE_LIMIT) {
            start(answer, answer.body().length);
            send(answer.body());
        } else {
            end(new Frame.Writer(Frame.ANSWER, id)
                    .whole(answer.status()).flag(false).bytes(answer.head()).bytes(answer.body()));
            return;
        }
        end(new Frame.Writer(Frame.END, id).flag(false));
    }

    /** The head once the first part is there, and then part after part. */
    private void stream(Answer answer, Parts parts) throws Throwable {
        try {
            byte[] part = guarded(parts::next);
            start(answer, -1);
            while (part != null) {
                send(part);
                part = guarded(parts::next);
            }
        } finally {
            parts.close();
        }
    }

    private void start(Answer answer, int length) {
        started = true;
        worker.front.send(new Frame.Writer(Frame.HEAD, id)
                .whole(answer.status())
                .whole(length)
                .bytes(answer.head()));
    }

    private void send(byte[] part) throws InterruptedException, Stopped {
        for (int at = 0; at < part.length; at += Frame.CHUNK_SIZE) {
            takeCredit();
            int end = Math.min(at + Frame.CHUNK_SIZE, part.length);
            byte[] chunk = at == 0 && end == part.length ? part : Arrays.copyOfRange(part, at, end);
            worker.front.send(new Frame.Writer(Frame.CHUNK, id).bytes(chunk));
        }
    }

    /** Tell what the function threw; nothing that a call throws when its time is over. */
    private void fail(Throwable thrown) {
        Throwable error = Failure.unwrapped(thrown);
        if (error instanceof ResponseException answered && !started) {
            answerThrown(answered);
            return;
        }
        if (!isCancelled()) {
            String name = event == null || event.EventID == null ? "without an id" : event.EventID;
            System.err.print(worker.title + ": call " + name + " failed: " + Failure.told(error));
        }
        if (error instanceof VirtualMachineError && !(error instanceof StackOverflowError)) {
            worker.front.send(new Frame.Writer(Frame.LEAVING)); // out of memory: start afresh
        }
        if (started) {
            end(new Frame.Writer(Frame.END, id).flag(true));
        } else {
            answer(500, "the function failed; its log says why\n", true);
        }
    }

    private void answerThrown(ResponseException answered) {
        try {
            reply(answered.response());
        } catch (Throwable error) {
            boolean isAnother = error instanceof ResponseException;
            fail(isAnother ? new Answer.Unanswerable("an answer threw another answer") : error);
        }
    }

    private void answer(int status, String sentence, boolean failed) {
        byte[] body = sentence.getBytes(StandardCharsets.UTF_8);
        end(new Frame.Writer(Frame.ANSWER, id)
                .whole(status).flag(failed).bytes(PLAIN).bytes(body));
    }

    /** The last message of a call that was stopped. */
    void endStopped() {
        end(new Frame.Writer(Frame.END, id).flag(true));
    }

    private void end(Frame.Writer last) {
        worker.running.remove(id);
        worker.front.send(last);
    }
}
