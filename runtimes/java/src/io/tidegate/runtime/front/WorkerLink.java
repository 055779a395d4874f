package io.tidegate.runtime.front;

import io.tidegate.runtime.Frame;
import java.io.IOException;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.SocketChannel;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The front's end of one worker: its process, its channel, its calls, its life. */
final class WorkerLink {
    /** How long an interrupted call may take to unwind before its worker is given up. */
    private static final double GRACE = 0.25;

    /** How long a worker without calls may take to exit (its shutdown hooks). */
    private static final double STOP_GRACE = 1;

    private static final int FIRST_ROOM = 64 * 1024;

    /** Who is told what the worker says. */
    interface Listener {
        void said(WorkerLink link, Frame.Reader frame);
    }

    final WorkerProcess process;
    final Map<Long, Call> calls = new LinkedHashMap<>();
    boolean ready;
    boolean retiring;
    double killAt = Double.POSITIVE_INFINITY;

    private final Loop loop;
    private final Listener listener;
    private final SelectionKey door;
    private final List<SelectionKey> strangers = new ArrayList<>();
    private final Output output = new Output();
    private ByteBuffer received = ByteBuffer.allocate(FIRST_ROOM);
    private SelectionKey key;

    WorkerLink(WorkerProcess process, Loop loop, Listener listener) throws IOException {
        this.process = process;
        this.loop = loop;
        this.listener = listener;
        this.door = loop.register(process.door, SelectionKey.OP_ACCEPT, operations -> accept());
    }

    /** Whoever comes to the door is a stranger until the secret is told. */
    private void accept() {
        try {
            SocketChannel channel = process.door.accept();
            if (channel != null) {
                ByteBuffer told = ByteBuffer.allocate(process.secret.length);
                SelectionKey[] stranger = new SelectionKey[1];
                stranger[0] = loop.register(
                        channel, SelectionKey.OP_READ, operations -> listen(stranger[0], told));
                strangers.add(stranger[0]);
            }
        } catch (IOException error) {
            // who came has gone
        }
    }

    private void listen(SelectionKey stranger, ByteBuffer told) {
        try {
            SocketChannel channel = (SocketChannel) stranger.channel();
            if (channel.read(told) < 0) {
                channel.close();
            } else if (!told.hasRemaining()) {
                if (MessageDigest.isEqual(told.array(), process.secret)) {
                    welcome(stranger);
                } else {
                    channel.close();
                }
            }
        } catch (IOException error) {
            stranger.cancel();
        }
    }

    private void welcome(SelectionKey stranger) throws IOException {
        ((SocketChannel) stranger.channel()).setOption(StandardSocketOptions.TCP_NODELAY, true);
        strangers.remove(stranger);
        key = stranger;
        key.attach((Loop.Ready) this::ready);
        closeDoor();
    }

    private void closeDoor() throws IOException {
        door.cancel();
        process.door.close();
        for (SelectionKey stranger : strangers) {
            stranger.channel().close();
        }
        strangers.clear();
    }

    /** Hand a call to the worker. */
    void begin(Call call) {
        calls.put(call.id, call);
        call.link = this;
        send(call.taken());
    }

    /** Let the worker send one more chunk. */
    void more(Call call) {
        send(new Frame.Writer(Frame.MORE, call.id).done());
    }

    /** Stop a call; the worker is given up when it has not ended after the grace. */
    void interrupt(Call call) {
        call.graceEnds = Loop.now() + GRACE;
        send(new Frame.Writer(Frame.CANCEL, call.id).done());
    }

    /** Take no more calls; the worker is killed at `killAt`, or earlier when none is left. */
    void retire(double at) {
        ready = false;
        retiring = true;
        killAt = Math.min(killAt, at);
    }

    /** Let a worker without calls exit by itself. */
    void stop() {
        retire(Loop.now() + STOP_GRACE);
        detach();
    }

    /** Whether a call has outlived its interruption. */
    boolean isOverdue(double now) {
        for (Call call : calls.values()) {
            if (call.settled && now >= call.graceEnds) {
                return true;
            }
        }
        return false;
    }

    /** Whether a call is running whose answer is still wanted. */
    boolean isInUse() {
        for (Call call : calls.values()) {
            if (!call.settled) {
                return true;
            }
        }
        return false;
    }

    /** Listen no more. */
    void detach() {
        try {
            closeDoor();
            if (key != null) {
                key.cancel();
                key.channel().close();
                key = null;
            }
        } catch (IOException error) {
            // it is gone as well
        }
    }

    /** Hear what the worker has said before it ended. */
    void hearTheRest() {
        while (key != null && read() > 0) {
            hear();
        }
    }

    private void ready(int operations) {
        if ((operations & SelectionKey.OP_WRITE) != 0) {
            flush();
        }
        if (key != null && (operations & SelectionKey.OP_READ) != 0) {
            if (read() < 0) {
                detach(); // the process has ended or is about to: it is reaped
            } else {
                hear();
            }
        }
    }

    private int read() {
        try {
            return ((SocketChannel) key.channel()).read(received);
        } catch (IOException error) {
            return -1;
        }
    }

    private void hear() {
        received.flip();
        while (received.remaining() >= Frame.PREFIX) {
            int length = received.getInt(received.position());
            int end = received.position() + Frame.PREFIX + length;
            if (end > received.limit()) {
                makeRoom(Frame.PREFIX + length);
                return;
            }
            int limit = received.limit();
            received.position(received.position() + Frame.PREFIX).limit(end);
            listener.said(this, new Frame.Reader(received));
            received.limit(limit).position(end);
        }
        makeRoom(FIRST_ROOM);
    }

    /** Keep what is left, in a buffer with room for so much in all. */
    private void makeRoom(int size) {
        if (received.capacity() >= size && received.capacity() <= Math.max(size, FIRST_ROOM)) {
            received.compact();
        } else {
            received = ByteBuffer.allocate(Math.max(size, FIRST_ROOM)).put(received);
        }
    }

    private void send(ByteBuffer... buffers) {
        if (key != null) {
            output.add(buffers);
            flush();
        }
    }

    private void flush() {
        try {
            output.flush(key);
        } catch (IOException error) {
            key.interestOpsAnd(~SelectionKey.OP_WRITE);
        }
    }
}
