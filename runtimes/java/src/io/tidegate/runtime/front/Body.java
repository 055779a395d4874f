package io.tidegate.runtime.front;

import java.util.Arrays;

/** Collects a request's body as it comes. */
abstract sealed class Body {
    private static final int FIRST_ROOM = 64 * 1024;
    private static final byte[] NONE = {};

    private byte[] bytes = NONE;
    private int filled;

    /** The body that a head announces, of at most `limit` bytes. */
    static Body of(Head head, int limit) {
        return head.length() == Head.CHUNKED ? new Chunked(limit) : new Sized((int) head.length());
    }

    /** Take what the input has; true when the body is whole. */
    abstract boolean feed(Input input) throws BadRequest;

    /** Bytes so far. */
    int size() {
        return filled;
    }

    /** The whole body. */
    byte[] whole() {
        return filled == bytes.length ? bytes : Arrays.copyOf(bytes, filled);
    }

    /** Take up to `count` bytes, with room for them as they come: a length alone takes none. */
    final int take(Input input, int count) {
        int moved = Math.min(count, input.size());
        if (bytes.length - filled < moved) {
            int wanted = Math.max(filled + moved, Math.min(2 * filled, filled + count));
            bytes = Arrays.copyOf(bytes, Math.max(wanted, Math.min(filled + count, FIRST_ROOM)));
        }
        filled += input.moveTo(bytes, filled, moved);
        return moved;
    }

    private static final class Sized extends Body {
        private int left;

        Sized(int length) {
            left = length;
        }

        @Override
        boolean feed(Input input) {
            left -= take(input, left);
            return left == 0;
        }
    }

    private static final class Chunked extends Body {
        private static final int LINE_LIMIT = 4096;
        private static final int SIZE_DIGITS = 8;
        private static final int SIZE_LINE = -1;
        private static final int TRAILERS = -2;

        private final int limit;
        private long left = SIZE_LINE;

        Chunked(int limit) {
            this.limit = limit;
        }

        @Override
        boolean feed(Input input) throws BadRequest {
            while (left != TRAILERS) {
                if (left == SIZE_LINE) {
                    byte[] line = input.line(LINE_LIMIT);
                    if (line == null) {
                        return false;
                    }
                    begin(sizeOf(line));
                } else if (!data(input)) {
                    return false;
                }
            }
            for (byte[] line; (line = input.line(LINE_LIMIT)) != null; ) {
                if (line.length == 0) {
                    return true;
                }
            }
            return false;
        }

        private void begin(long size) throws BadRequest {
            if (size() + size > limit) {
                throw new BadRequest(413, "the body is larger than " + limit + " bytes");
            }
            left = size == 0 ? TRAILERS : size;
        }

        private boolean data(Input input) throws BadRequest {
            left -= take(input, (int) left);
            if (left > 0 || input.size() < 2) {
                return false;
            }
            if (input.at(0) != '\r' || input.at(1) != '\n') {
                throw new BadRequest(400, "a chunk is longer than its size says");
            }
            input.skip(2);
            left = SIZE_LINE;
            return true;
        }

        /** The size at the head of a chunk, whose extensions are passed over. */
        private static long sizeOf(byte[] line) throws BadRequest {
            long size = 0;
            int end = 0;
            for (; end < line.length && end < SIZE_DIGITS; end++) {
                int digit = line[end] < 0 ? -1 : Character.digit(line[end], 16);
                if (digit < 0) {
                    break;
                }
                size = size * 16 + digit;
            }
            if (end == 0 || !isExtension(line, end)) {
                throw new BadRequest(400, "a chunk size is malformed");
            }
            return size;
        }

        private static boolean isExtension(byte[] line, int from) {
            int at = from;
            while (at < line.length && (line[at] == ' ' || line[at] == '\t')) {
                at++;
            }
            if (at == line.length) {
                return at == from;
            }
            for (int index = at; index < line.length; index++) {
                byte one = line[index];
                if ((one >= 0 && one < ' ' && one != '\t') || one == 0x7f) {
                    return false;
                }
            }
            return line[at] == ';';
        }
    }
}
