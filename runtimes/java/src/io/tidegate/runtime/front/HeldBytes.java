package io.tidegate.runtime.front;

/** The bytes of bodies that are held at once: four of the largest. */
final class HeldBytes {
    private static final long LEAST = 1024 * 1024;

    private final long limit;
    private long held;

    HeldBytes(int bodyLimit) {
        limit = Math.max(4L * bodyLimit, LEAST);
    }

    /** Whether so many more may be held. */
    boolean reserve(long size) {
        if (held + size > limit) {
            return false;
        }
        held += size;
        return true;
    }

    /** So many are held no more. */
    void release(long size) {
        held -= size;
    }
}
