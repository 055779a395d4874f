package io.tidegate.runtime.front;

import io.tidegate.runtime.Frame;
import io.tidegate.runtime.Settings;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;

/**
 * Runs calls in a worker, side by side, and replaces the worker when it must.
 *
 * <p>A call is waiting -> running -> settled (its client has an answer) -> ended (its worker said
 * so, or is gone). A worker is starting -> ready -> retiring (no new calls) -> reaped. When a
 * call's time is over it is settled with 408 and interrupted; if it has not ended after a grace,
 * its worker retires, another starts in its place, and the old one is killed as soon as nobody
 * waits for its other calls.
 */
final class Pool {
    /** Deadlines are swept this often while there are calls: exact enough, and free per call. */
    private static final double TICK = 0.02;

    private static final double FIRST_DELAY = 0.1;
    private static final double LONGEST_DELAY = 10;
    private static final int THREADS = 10;
    private static final int SHARED = 100;
    private static final byte[] BUSY =
            Wire.bytes("the function was busy until the call's deadline\n");
    private static final byte[] LOST = Wire.bytes("the function's process ended during the call\n");
    private static final byte[] TIMEOUT = Wire.bytes("the function took longer than its timeout\n");

    private final Front front;
    private final Settings settings;
    private final List<WorkerLink> links = new ArrayList<>();
    private final Deque<Call> waiting = new ArrayDeque<>();
    private boolean ticking;
    private boolean loaded;
    private boolean shared;
    private boolean closing;
    private double respawnAt;
    private double respawnDelay = FIRST_DELAY;

    Pool(Front front, WorkerProcess first) throws IOException {
        this.front = front;
        this.settings = front.settings();
        adopt(first);
    }

    /** Whether a call would be run now or soon. */
    boolean isReady() {
        return loaded && !closing;
    }

    /** Whether every call has ended. */
    boolean isIdle() {
        return waiting.isEmpty() && links.stream().allMatch(link -> link.calls.isEmpty());
    }

    /** Whether every worker has ended. */
    boolean isEmpty() {
        return links.isEmpty();
    }

    /** Calls that have no answer yet. */
    int unfinished() {
        int unfinished = waiting.size();
        for (WorkerLink link : links) {
            unfinished += (int) link.calls.values().stream().filter(call -> !call.settled).count();
        }
        return unfinished;
    }

    /** Why the call cannot be taken; null when it can. */
    String refusal(Call call) {
        if (!loaded) {
            return "the function is not loaded yet";
        }
        if (call.deadline <= call.received) {
            return "the call's deadline had passed when it came";
        }
        if (waiting.size() >= settings.queue() && freeLink() == null) {
            return "the function is busy and its queue is full";
        }
        return null;
    }

    /** Run the call, now or when its turn comes. */
    void submit(Call call) throws Unavailable {
        String refusal = refusal(call);
        if (refusal != null) {
            throw new Unavailable(refusal);
        }
        waiting.add(call);
        assign();
        watch();
    }

    /** The call's client has taken a chunk. */
    void more(Call call) {
        if (call.link != null && !call.settled) {
            call.link.more(call);
        }
    }

    /**
     * The client has gone: a waiting call is dropped, a streamed answer is stopped. A function that
     * is computing goes on: what it does besides answering is its own.
     */
    void forget(Call call) {
        if (!waiting.remove(call) && call.streaming && !call.settled) {
            settle(call, false);
            call.link.interrupt(call);
            watch();
        }
        front.rested();
    }

    /** End every worker. */
    void close() {
        closing = true;
        for (WorkerLink link : links) {
            if (!link.calls.isEmpty() || !link.ready) {
                link.process.kill();
            } else {
                link.stop();
            }
        }
        watch();
    }

    private void adopt(WorkerProcess process) throws IOException {
        WorkerLink link = new WorkerLink(process, front.loop(), this::said);
        links.add(link);
        process.whenEnded(() -> front.loop().soon(() -> reaped(link)));
    }

    private void said(WorkerLink link, Frame.Reader frame) {
        switch (frame.kind) {
            case Frame.READY -> welcome(link, frame.flag());
            case Frame.FAILED -> refuse(frame.text());
            case Frame.LEAVING -> {
                link.retire(Loop.now() + settings.shutdownTimeout());
                watch();
            }
            default -> {
                Call call = link.calls.get(frame.call);
                if (call != null) {
                    advance(link, call, frame);
                }
            }
        }
    }

    private void welcome(WorkerLink link, boolean isShared) {
        shared = isShared;
        link.ready = true;
        respawnDelay = FIRST_DELAY;
        if (!loaded) {
            loaded = true;
            front.loaded();
        }
        assign();
    }

    private void refuse(String sentence) {
        if (loaded) {
            front.log(settings.title() + ": a further worker: " + sentence);
        } else {
            front.loadFailed(sentence);
        }
    }

    /** Take what a worker says of a call that it runs. */
    private void advance(WorkerLink link, Call call, Frame.Reader frame) {
        switch (frame.kind) {
            case Frame.ANSWER -> {
                if (!call.settled) {
                    int status = frame.whole();
                    settle(call, frame.flag());
                    call.reply.respond(status, frame.bytes(), frame.bytes());
                }
                end(link, call);
            }
            case Frame.END -> {
                if (!call.settled) {
                    boolean failed = frame.flag();
                    settle(call, failed);
                    if (failed) {
                        call.reply.abort();
                    } else {
                        call.reply.finish();
                    }
                }
                end(link, call);
            }
            case Frame.HEAD -> {
                if (!call.settled) {
                    call.streaming = true;
                    int status = frame.whole();
                    int length = frame.whole();
                    call.reply.start(status, frame.bytes(), length);
                }
            }
            default -> {
                if (!call.settled) {
                    call.reply.chunk(frame.bytes());
                }
            }
        }
    }

    private void settle(Call call, boolean failed) {
        call.settled = true;
        front.metrics().observe(call.head.method(), Loop.now() - call.received, failed);
    }

    private void end(WorkerLink link, Call call) {
        link.calls.remove(call.id);
        if (waiting.isEmpty()) {
            front.rested();
        } else {
            assign();
        }
    }

    /** Give waiting calls to a worker that has room. */
    private void assign() {
        WorkerLink link;
        while (!waiting.isEmpty() && (link = freeLink()) != null) {
            link.begin(waiting.remove());
        }
    }

    private WorkerLink freeLink() {
        int room = settings.concurrency() > 0 ? settings.concurrency() : shared ? SHARED : THREADS;
        for (WorkerLink link : links) {
            if (link.ready && link.calls.size() < room) {
                return link;
            }
        }
        return null;
    }

    /** Keep the sweep going while anything has a time limit. */
    private void watch() {
        if (!ticking && (!waiting.isEmpty() || isLacking() || isWatched())) {
            ticking = true;
            front.loop().later(TICK, this::tick);
        }
    }

    private boolean isWatched() {
        return links.stream().anyMatch(link -> link.retiring || !link.calls.isEmpty());
    }

    private void tick() {
        ticking = false;
        double now = Loop.now();
        for (Call call : waiting.stream().filter(one -> now >= one.deadline).toList()) {
            waiting.remove(call);
            call.settled = true;
            call.reply.respond(503, Wire.RETRY, BUSY);
        }
        links.forEach(link -> tick(link, now));
        replace(now);
        watch();
        front.rested();
    }

    private void tick(WorkerLink link, double now) {
        for (Call call : List.copyOf(link.calls.values())) {
            if (!call.settled && now >= call.deadline) {
                expire(call);
            }
        }
        if (!link.retiring && link.isOverdue(now)) {
            link.retire(now + settings.shutdownTimeout());
        }
        if (link.retiring && link.calls.isEmpty()) {
            link.stop();
        }
        if (link.retiring && (now >= link.killAt || (!link.calls.isEmpty() && !link.isInUse()))) {
            link.process.kill();
        }
    }

    private void expire(Call call) {
        front.log(settings.title() + ": " + call.head.method() + " " + call.head.path()
                + ": stopped after " + Math.round((Loop.now() - call.received) * 1e3) / 1e3
                + " s: its time is over");
        settle(call, true);
        if (call.streaming) {
            call.reply.abort();
        } else {
            call.reply.respond(408, Wire.PLAIN, TIMEOUT);
        }
        call.link.interrupt(call);
    }

    /** Settle what a dead worker ran. */
    private void reaped(WorkerLink link) {
        link.hearTheRest();
        link.detach();
        links.remove(link);
        String title = settings.title();
        String ending = link.process.ending();
        if (!loaded && !closing) {
            front.loadFailed("loading " + title + ": its process " + ending + " while it loaded");
        }
        List<Call> lost = link.calls.values().stream().filter(call -> !call.settled).toList();
        if (!lost.isEmpty() || !(link.retiring || closing)) {
            front.log(title + ": worker " + link.process.pid() + " " + ending + " with "
                    + lost.size() + " calls in flight");
        }
        lost.forEach(this::lose);
        if (!link.ready && !link.retiring) {
            respawnAt = Loop.now() + respawnDelay;
            respawnDelay = Math.min(2 * respawnDelay, LONGEST_DELAY);
        }
        replace(Loop.now());
        watch();
        front.rested();
    }

    private void lose(Call call) {
        settle(call, true);
        if (call.streaming) {
            call.reply.abort();
        } else {
            call.reply.respond(500, Wire.PLAIN, LOST);
        }
    }

    /** Whether there is no worker to take a call. */
    private boolean isLacking() {
        return isReady() && links.stream().allMatch(link -> link.retiring);
    }

    private void replace(double now) {
        if (isLacking() && now >= respawnAt) {
            try {
                adopt(WorkerProcess.start());
            } catch (IOException error) {
                front.log(settings.title() + ": starting a worker: " + error.getMessage());
                respawnAt = now + respawnDelay;
                respawnDelay = Math.min(2 * respawnDelay, LONGEST_DELAY);
            }
        }
    }
}
