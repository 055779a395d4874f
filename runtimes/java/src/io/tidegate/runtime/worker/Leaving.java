package io.tidegate.runtime.worker;

import io.tidegate.runtime.Frame;
import java.util.Arrays;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * A function that asks to exit ends its own call alone: the process stays until the others that it
 * runs have ended, and gets no more. The front sets it a limit.
 */
final class Leaving extends Thread {
    private static final long LOOK_AGAIN = 20;

    private final Worker worker;
    private final CountDownLatch nobody = new CountDownLatch(1);

    Leaving(Worker worker) {
        super("leaving");
        this.worker = worker;
    }

    /** The front has closed the channel: nobody waits for an answer. */
    void waitForNobody() {
        nobody.countDown();
    }

    @Override
    public void run() {
        try {
            if (nobody.getCount() > 0) {
                worker.front.send(new Frame.Writer(Frame.LEAVING));
            }
            while (othersRun() && !nobody.await(LOOK_AGAIN, TimeUnit.MILLISECONDS)) {
                // the other calls go on
            }
        } catch (InterruptedException error) {
            Thread.currentThread().interrupt();
        }
    }

    private boolean othersRun() {
        return worker.running.values().stream().anyMatch(call -> !asksToExit(call.thread()));
    }

    private static boolean asksToExit(Thread thread) {
        return thread != null
                && Arrays.stream(thread.getStackTrace())
                        .anyMatch(frame -> frame.getClassName().equals("java.lang.Shutdown"));
    }
}
