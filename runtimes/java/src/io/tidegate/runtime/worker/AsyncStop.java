package io.tidegate.runtime.worker;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ForkJoinTask;
import java.util.concurrent.ForkJoinWorkerThread;
import java.util.concurrent.ThreadPoolExecutor;

/**
 * Stops an asynchronous call: cancels its future, and tells the call's end when no executor's
 * thread is busy.
 *
 * <p>Cancelling a CompletableFuture stops nothing of what was to complete it. Whether that still
 * runs cannot be asked of the future, but it shows in the stacks of executors' threads; who is
 * still busy after the front's grace costs the worker.
 */
final class AsyncStop implements Runnable {
    private static final long LOOK_AGAIN = 10;
    private static final String POOL = ThreadPoolExecutor.class.getName();
    private static final String FORK_JOIN_TASK = ForkJoinTask.class.getName();
    private static final String OWN_THREAD = CompletableFuture.class.getName() + "$Async";

    private final Invocation call;
    private final CompletionStage<?> stage;

    private AsyncStop(Invocation call, CompletionStage<?> stage) {
        this.call = call;
        this.stage = stage;
    }

    /** Stop the call on a thread of its own. */
    static void start(Invocation call, CompletionStage<?> stage) {
        Thread thread = new Thread(new AsyncStop(call, stage), "async-stop");
        thread.setDaemon(true);
        thread.start();
    }

    @Override
    public void run() {
        try {
            stage.toCompletableFuture().cancel(true);
            while (isAnyBusy()) {
                Thread.sleep(LOOK_AGAIN);
            }
            call.endStopped();
        } catch (UnsupportedOperationException error) {
            // such a stage cannot be cancelled: the worker goes
        } catch (InterruptedException error) {
            Thread.currentThread().interrupt();
        }
    }

    private static boolean isAnyBusy() {
        return Thread.getAllStackTraces().entrySet().stream()
                .filter(one -> !one.getKey().getName().equals(Worker.THREAD))
                .anyMatch(one -> isBusy(one.getKey(), one.getValue()));
    }

    /** Whether an executor's thread is at a task, instead of waiting for one. */
    private static boolean isBusy(Thread thread, StackTraceElement[] stack) {
        boolean runs = false;
        for (StackTraceElement frame : stack) {
            String type = frame.getClassName();
            if (type.equals(POOL) && frame.getMethodName().equals("getTask")) {
                return false;
            }
            runs |= type.equals(POOL) && frame.getMethodName().equals("runWorker");
            runs |= thread instanceof ForkJoinWorkerThread && type.equals(FORK_JOIN_TASK);
            runs |= type.startsWith(OWN_THREAD); // where there are too few processors for a pool
        }
        return runs;
    }
}
