package io.tidegate.runtime;

import io.tidegate.Headers.Header;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The messages between the front and a worker, over a connection on the loopback interface: a
 * length, a kind, the number of a call, and fields. Texts are UTF-8; a length of -1 is null.
 *
 * <pre>
 * front -> worker   CALL deadline method target peer headers body
 *                   MORE      one more chunk may come
 *                   CANCEL    stop the call; its last message is still awaited
 * worker -> front   HELLO token | READY shared | FAILED sentence
 *                   LEAVING   give me no more calls: I end when those that I run have ended
 *                   ANSWER status failed head body
 *                   HEAD status length-or--1 head
 *                   CHUNK bytes…
 *                   END failed
 * </pre>
 *
 * A call ends with exactly one ANSWER or END.
 */
public final class Frame {
    public static final byte HELLO = 0;
    public static final byte READY = 1;
    public static final byte FAILED = 2;
    public static final byte LEAVING = 3;
    public static final byte CALL = 4;
    public static final byte MORE = 5;
    public static final byte CANCEL = 6;
    public static final byte ANSWER = 7;
    public static final byte HEAD = 8;
    public static final byte CHUNK = 9;
    public static final byte END = 10;

    /** Chunks of one call that may be on their way; the worker waits for MORE beyond that. */
    public static final int WINDOW = 4;

    /** Bytes of a chunk at most. */
    public static final int CHUNK_SIZE = 64 * 1024;

    /** Bytes of the length that heads a frame. */
    public static final int PREFIX = 4;

    private Frame() {}

    /** Builds one frame. */
    public static final class Writer {
        private byte[] bytes;
        private int end = PREFIX;

        /** A frame about no call. */
        public Writer(byte kind) {
            this(kind, 0);
        }

        /** A frame about a call. */
        public Writer(byte kind, long call) {
            bytes = new byte[256];
            flag(kind).wide(call);
        }

        private Writer flag(int value) {
            room(1);
            bytes[end++] = (byte) value;
            return this;
        }

        public Writer flag(boolean value) {
            return flag(value ? 1 : 0);
        }

        public Writer whole(int value) {
            room(4);
            ByteBuffer.wrap(bytes).putInt(end, value);
            end += 4;
            return this;
        }

        public Writer wide(long value) {
            room(8);
            ByteBuffer.wrap(bytes).putLong(end, value);
            end += 8;
            return this;
        }

        public Writer number(double value) {
            return wide(Double.doubleToRawLongBits(value));
        }

        public Writer text(String text) {
            return text == null ? whole(-1) : bytes(text.getBytes(StandardCharsets.UTF_8));
        }

        public Writer bytes(byte[] value) {
            whole(value.length);
            room(value.length);
            System.arraycopy(value, 0, bytes, end, value.length);
            end += value.length;
            return this;
        }

        public Writer headers(List<Header> headers) {
            whole(headers.size());
            for (Header header : headers) {
                text(header.name()).text(header.value());
            }
            return this;
        }

        /** The frame's bytes. */
        public ByteBuffer done() {
            return lengthOf(end);
        }

        /** The frame's bytes but for its last field, which follows as it is. */
        public ByteBuffer doneBefore(byte[] last) {
            return whole(last.length).lengthOf(end + last.length);
        }

        private ByteBuffer lengthOf(int whole) {
            ByteBuffer frame = ByteBuffer.wrap(bytes, 0, end);
            frame.putInt(0, whole - PREFIX);
            return frame;
        }

        private void room(int size) {
            if (bytes.length - end < size) {
                bytes = Arrays.copyOf(bytes, Math.max(2 * bytes.length, end + size));
            }
        }
    }

    /** Reads one frame, without its length. */
    public static final class Reader {
        private final ByteBuffer frame;
        public final byte kind;
        public final long call;

        public Reader(ByteBuffer frame) {
            this.frame = frame;
            this.kind = frame.get();
            this.call = frame.getLong();
        }

        public boolean flag() {
            return frame.get() != 0;
        }

        public int whole() {
            return frame.getInt();
        }

        public double number() {
            return frame.getDouble();
        }

        public byte[] bytes() {
            byte[] value = new byte[frame.getInt()];
            frame.get(value);
            return value;
        }

        public String text() {
            int length = frame.getInt();
            if (length < 0) {
                return null;
            }
            int start = frame.arrayOffset() + frame.position();
            String text = new String(frame.array(), start, length, StandardCharsets.UTF_8);
            frame.position(frame.position() + length);
            return text;
        }

        public List<Header> headers() {
            int count = frame.getInt();
            List<Header> headers = new ArrayList<>(count);
            for (int index = 0; index < count; index++) {
                headers.add(new Header(text(), text()));
            }
            return headers;
        }
    }
}
