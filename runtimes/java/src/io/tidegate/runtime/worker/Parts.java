package io.tidegate.runtime.worker;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Iterator;
import java.util.concurrent.Flow;
import java.util.stream.BaseStream;

/** The parts of a streamed body, one after the other; the function's own code makes them. */
interface Parts {
    /** The next part's bytes; null when there are no more. */
    byte[] next() throws Exception;

    /** Free what the parts come from. */
    void close() throws Exception;

    /** The parts of a value that comes in such; null for others. */
    static Parts of(Object value) {
        if (value instanceof Iterator<?> items) {
            return new Items(items, value);
        }
        if (value instanceof BaseStream<?, ?> stream) {
            return new Items(stream.iterator(), stream);
        }
        if (value instanceof Flow.Publisher<?> publisher) {
            PublishedItems items = new PublishedItems(publisher);
            return new Items(items, items);
        }
        return value instanceof InputStream stream ? new Blocks(stream) : null;
    }

    /** One part as bytes. */
    private static byte[] encoded(Object part) {
        if (part instanceof byte[] bytes) {
            return bytes;
        }
        if (part instanceof CharSequence text) {
            return text.toString().getBytes(StandardCharsets.UTF_8);
        }
        throw new Answer.Unanswerable("a streamed part must be a String or byte[], not "
                + (part == null ? "null" : part.getClass().getName()));
    }

    /** Parts that an iterator gives. */
    record Items(Iterator<?> items, Object owner) implements Parts {
        @Override
        public byte[] next() {
            return items.hasNext() ? encoded(items.next()) : null;
        }

        @Override
        public void close() throws Exception {
            if (owner instanceof AutoCloseable closeable) {
                closeable.close();
            }
        }
    }

    /** What a stream of bytes has, as it comes. */
    record Blocks(InputStream stream) implements Parts {
        private static final int SIZE = 64 * 1024;

        @Override
        public byte[] next() throws IOException {
            byte[] block = new byte[SIZE];
            int count = stream.read(block);
            return count < 0 ? null : count == SIZE ? block : Arrays.copyOf(block, count);
        }

        @Override
        public void close() throws IOException {
            stream.close();
        }
    }
}
