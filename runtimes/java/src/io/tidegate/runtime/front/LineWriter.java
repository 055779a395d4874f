package io.tidegate.runtime.front;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.Queue;

/**
 * Writes lines to a descriptor that functions share and may fill.
 *
 * <p>A thread of its own may wait for the reader. When too many lines wait with it, further ones
 * are dropped and counted: answering calls goes before telling.
 */
final class LineWriter {
    private static final int WAITING_LIMIT = 256;
    private static final int LINE_LIMIT = 4000;

    private final FileOutputStream out;
    private final Queue<byte[]> waiting = new ArrayDeque<>();
    private Thread thread;
    private boolean writing;
    private int dropped;

    LineWriter(FileDescriptor descriptor) {
        out = new FileOutputStream(descriptor);
    }

    /** One line, without its end. */
    synchronized void write(String line) {
        if (waiting.size() >= WAITING_LIMIT) {
            dropped++;
            return;
        }
        String note = dropped == 0 ? "" : "(" + dropped + " lines dropped: the log was not read) ";
        dropped = 0;
        String text = note + line;
        text = text.length() > LINE_LIMIT ? text.substring(0, LINE_LIMIT) : text;
        waiting.add((text + "\n").getBytes(StandardCharsets.UTF_8));
        if (thread == null) {
            thread = new Thread(this::run, "line-writer");
            thread.setDaemon(true);
            thread.start();
        }
        notifyAll();
    }

    /** Wait until every line is written, but not for long. */
    synchronized void flush(double seconds) {
        double ends = Loop.now() + seconds;
        double left = seconds;
        try {
            while (left > 0 && (writing || !waiting.isEmpty())) {
                wait((long) Math.ceil(left * 1e3));
                left = ends - Loop.now();
            }
        } catch (InterruptedException error) {
            Thread.currentThread().interrupt();
        }
    }

    private void run() {
        try {
            while (true) {
                byte[] line = next();
                try {
                    out.write(line);
                } catch (IOException error) {
                    synchronized (this) {
                        dropped++;
                    }
                }
            }
        } catch (InterruptedException error) {
            Thread.currentThread().interrupt();
        }
    }

    private synchronized byte[] next() throws InterruptedException {
        writing = false;
        notifyAll();
        while (waiting.isEmpty()) {
            wait();
        }
        writing = true;
        return waiting.remove();
    }
}
