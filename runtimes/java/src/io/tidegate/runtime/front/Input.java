package io.tidegate.runtime.front;

import java.nio.ByteBuffer;
import java.util.Arrays;

/** Bytes that came and have not been used. */
final class Input {
    private static final byte[] NONE = {};

    private byte[] bytes = NONE;
    private int start;
    private int end;

    int size() {
        return end - start;
    }

    byte at(int index) {
        return bytes[start + index];
    }

    void append(ByteBuffer more) {
        int size = more.remaining();
        if (bytes.length - end < size) {
            makeRoom(size);
        }
        more.get(bytes, end, size);
        end += size;
    }

    private void makeRoom(int size) {
        int used = size();
        int wanted = Math.max(used + size, 1024);
        byte[] target = wanted <= bytes.length ? bytes : new byte[Math.max(wanted, 2 * used)];
        System.arraycopy(bytes, start, target, 0, used);
        bytes = target;
        start = 0;
        end = used;
    }

    /** The next so many bytes, taken out. */
    byte[] take(int count) {
        byte[] taken = Arrays.copyOfRange(bytes, start, start + count);
        skip(count);
        return taken;
    }

    /** Move at most `count` bytes to a place in `target`; how many there were. */
    int moveTo(byte[] target, int at, int count) {
        int moved = Math.min(count, size());
        System.arraycopy(bytes, start, target, at, moved);
        skip(moved);
        return moved;
    }

    /** Forget the next bytes; a large buffer goes with its last. */
    void skip(int count) {
        start += count;
        if (start == end) {
            start = 0;
            end = 0;
            bytes = bytes.length > 64 * 1024 ? NONE : bytes;
        }
    }

    /** Where CR LF stands, from `from` on and before `limit`; -1 when nowhere. */
    int lineEnd(int from, int limit) {
        int last = start + Math.min(limit, size()) - 1;
        for (int index = start + from; index < last; index++) {
            if (bytes[index] == '\r' && bytes[index + 1] == '\n') {
                return index - start;
            }
        }
        return -1;
    }

    /** Where the head's empty line begins: that of CR LF CR LF; -1 when it is not there. */
    int headEnd() {
        for (int index = start; index < end - 3; index++) {
            if (bytes[index + 3] == '\n'
                    && bytes[index + 2] == '\r'
                    && bytes[index + 1] == '\n'
                    && bytes[index] == '\r') {
                return index - start;
            }
        }
        return -1;
    }

    /** Take a line without its end; null while it has none. */
    byte[] line(int limit) throws BadRequest {
        int length = lineEnd(0, limit);
        if (length < 0) {
            if (size() >= limit) {
                throw new BadRequest(400, "a line in the chunked body is too long");
            }
            return null;
        }
        byte[] line = take(length);
        skip(2);
        return line;
    }
}
