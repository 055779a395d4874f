package io.tidegate.runtime.front;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.SocketChannel;
import java.util.ArrayDeque;
import java.util.Deque;

/** Bytes on their way into a channel that may be slow. */
final class Output {
    private static final int BATCH = 16;

    private final Deque<ByteBuffer> unsent = new ArrayDeque<>();
    private long size;

    /** Bytes that the channel has not taken. */
    long size() {
        return size;
    }

    void add(ByteBuffer... buffers) {
        for (ByteBuffer buffer : buffers) {
            size += buffer.remaining();
            unsent.add(buffer);
        }
    }

    /** Write as much as the channel takes, and have it tell when it takes more. */
    void flush(SelectionKey key) throws IOException {
        SocketChannel channel = (SocketChannel) key.channel();
        long written = 1;
        while (size > 0 && written > 0) {
            written = write(channel);
            size -= written;
        }
        int wanted = size > 0 ? SelectionKey.OP_WRITE : 0;
        if ((key.interestOps() & SelectionKey.OP_WRITE) != wanted) {
            key.interestOps(key.interestOps() ^ SelectionKey.OP_WRITE);
        }
    }

    private long write(SocketChannel channel) throws IOException {
        long written = 0;
        if (unsent.size() == 1) {
            written = channel.write(unsent.getFirst());
        } else {
            ByteBuffer[] some = new ByteBuffer[Math.min(unsent.size(), BATCH)];
            int index = 0;
            for (ByteBuffer buffer : unsent) {
                if (index == some.length) {
                    break;
                }
                some[index++] = buffer;
            }
            written = channel.write(some);
        }
        while (!unsent.isEmpty() && !unsent.getFirst().hasRemaining()) {
            unsent.removeFirst();
        }
        return written;
    }
}
