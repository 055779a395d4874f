package io.tidegate.runtime.front;

import io.tidegate.runtime.Frame;
import java.nio.ByteBuffer;

/** A request for the function; times are the loop's, but for the deadline's second form. */
final class Call {
    final long id;
    final Head head;
    final String peer;
    final double received;
    final double deadline;
    final Reply reply;
    WorkerLink link;
    boolean streaming;
    boolean settled;
    double graceEnds;

    private final double unixDeadline;
    private byte[] body;

    /** How long a call may take, from when on, by two clocks. */
    record Times(double received, double allowed, double unixNow) {}

    Call(long id, Head head, byte[] body, Times times, Connection client) {
        this.id = id;
        this.head = head;
        this.body = body;
        this.peer = client.peer;
        this.received = times.received;
        this.deadline = times.received + times.allowed;
        this.unixDeadline = times.unixNow + times.allowed;
        this.reply = client;
    }

    boolean isWaiting() {
        return link == null && !settled;
    }

    /** The call as a worker gets it, once: the body is not kept. */
    ByteBuffer[] taken() {
        ByteBuffer frame = new Frame.Writer(Frame.CALL, id)
                .number(unixDeadline)
                .text(head.method())
                .text(head.target())
                .text(peer)
                .headers(head.headers())
                .doneBefore(body);
        ByteBuffer[] buffers = {frame, ByteBuffer.wrap(body)};
        body = null;
        return buffers;
    }
}
