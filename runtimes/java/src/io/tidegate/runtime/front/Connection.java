package io.tidegate.runtime.front;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;

/** One client's connection: requests in, answers out, one at a time and in order. */
final class Connection implements Reply, Loop.Ready {
    /** How long a connection is kept between requests: longer than its clients keep it. */
    static final double IDLE_TIMEOUT = 75;

    /** How long a head may take as a whole, and a body between two pieces. */
    private static final double READ_TIMEOUT = 30;

    /** How long a refused client may take to read why. */
    private static final double LINGER = 2;

    private static final int PIPELINE_LIMIT = 64 * 1024;
    private static final int HIGH_WATER = 64 * 1024;

    final String peer;

    private final Front front;
    private final SocketChannel channel;
    private final SelectionKey key;
    private final RequestReader reader;
    private final Output output = new Output();
    private Head head;
    private Call call;
    private boolean advancing;
    private boolean answering;
    private boolean keepsAlive;
    private boolean streaming;
    private boolean atEnd;
    private boolean closing;
    private boolean lost;
    private int unacknowledged;
    private int status;
    private long sent;

    Connection(Front front, SocketChannel channel) throws IOException {
        this.front = front;
        this.channel = channel;
        this.peer = ((InetSocketAddress) channel.getRemoteAddress()).getAddress().getHostAddress();
        channel.setOption(StandardSocketOptions.TCP_NODELAY, true);
        this.key = front.loop().register(channel, SelectionKey.OP_READ, this);
        this.reader = new RequestReader(front.settings().bodyLimit(), front.held(), this::goOn);
    }

    @Override
    public void ready(int operations) {
        try {
            if ((operations & SelectionKey.OP_WRITE) != 0) {
                flush();
            }
            if (key.isValid() && (operations & SelectionKey.OP_READ) != 0) {
                read();
            }
        } catch (IOException error) {
            abort();
        }
    }

    private void read() throws IOException {
        ByteBuffer scratch = front.loop().scratch.clear();
        int count = channel.read(scratch);
        if (count < 0) {
            ended();
        } else if (!closing) {
            reader.append(scratch.flip());
            if (!answering) {
                advance();
            } else if (reader.unread() > PIPELINE_LIMIT) {
                key.interestOpsAnd(~SelectionKey.OP_READ);
            }
        }
    }

    /** A client that closes its side may still want the answer of a call that runs. */
    private void ended() {
        atEnd = true;
        key.interestOpsAnd(~SelectionKey.OP_READ);
        boolean runs = answering && (call == null || !call.isWaiting());
        if (closing && output.size() == 0 || !closing && !runs) {
            abort();
        }
    }

    private void flush() throws IOException {
        output.flush(key);
        if (output.size() > HIGH_WATER) {
            return;
        }
        int due = unacknowledged;
        unacknowledged = 0;
        for (; due > 0 && call != null; due--) {
            front.pool().more(call);
        }
        if (closing && output.size() == 0) {
            endOutput();
        }
    }

    private void write(ByteBuffer... buffers) {
        output.add(buffers);
        try {
            if (key.isValid()) {
                output.flush(key);
            }
        } catch (IOException error) {
            front.loop().soon(this::abort);
        }
    }

    /** Ask for a body that the client holds back. */
    private void goOn() {
        write(ByteBuffer.wrap(Wire.CONTINUE));
    }

    /** Read on as far as the bytes go. */
    private void advance() {
        if (advancing) {
            return;
        }
        advancing = true;
        try {
            while (!answering && !closing && reader.read()) {
                serve();
            }
        } catch (BadRequest error) {
            refuse(error.status, error.getMessage());
        } catch (OutOfMemoryError error) {
            refuse(503, "too many large bodies at once: try again");
        } finally {
            advancing = false;
        }
    }

    private void serve() {
        answering = true;
        head = reader.head();
        keepsAlive = head.keepAlive();
        byte[] body = reader.body();
        if (front.answerItself(this, head.path())) {
            return;
        }
        try {
            call = front.submit(this, head, body);
        } catch (Unavailable error) {
            say(503, error.getMessage());
        }
    }

    /** A sentence of the server's own. */
    void say(int status, String sentence) {
        byte[] text = (sentence + "\n").getBytes(StandardCharsets.UTF_8);
        respond(status, status == 503 ? Wire.RETRY : Wire.PLAIN, text);
    }

    /** Answer a request that cannot be read to its end, and close. */
    void refuse(int status, String sentence) {
        head = null;
        answering = true;
        keepsAlive = false;
        closing = true;
        say(status, sentence);
    }

    /** Close when the client has been silent for too long at this point. */
    void closeIfIdle(double idleTimeout) {
        if (answering || closing) {
            return;
        }
        double silent = reader.silence();
        if (reader.isBetween()) {
            if (silent >= idleTimeout) {
                abort();
            }
        } else if (silent >= READ_TIMEOUT) {
            refuse(408, "the request did not arrive in time");
        }
    }

    @Override
    public void respond(int status, byte[] responseHead, byte[] content) {
        byte[] lines = headLines(status, responseHead, content.length);
        if (Wire.hasBody(method(), status)) {
            sent = content.length;
            write(ByteBuffer.wrap(lines), ByteBuffer.wrap(content));
        } else {
            write(ByteBuffer.wrap(lines));
        }
        finish();
    }

    @Override
    public void start(int status, byte[] responseHead, int length) {
        streaming = length < 0 && head.minor() == 1 && status != 204 && status != 304;
        write(ByteBuffer.wrap(headLines(status, responseHead, length)));
    }

    @Override
    public void chunk(byte[] data) {
        if (Wire.hasBody(method(), status)) {
            sent += data.length;
            if (streaming) {
                byte[] size = Wire.bytes(Integer.toHexString(data.length) + "\r\n");
                ByteBuffer lineEnd = ByteBuffer.wrap(size, size.length - 2, 2);
                write(ByteBuffer.wrap(size), ByteBuffer.wrap(data), lineEnd);
            } else {
                write(ByteBuffer.wrap(data));
            }
        }
        if (output.size() > HIGH_WATER) {
            unacknowledged++;
        } else if (call != null) {
            front.pool().more(call);
        }
    }

    @Override
    public void finish() {
        if (streaming && Wire.hasBody(method(), status)) {
            write(ByteBuffer.wrap(Wire.LAST_CHUNK));
        }
        front.answered(this, head, status, sent);
        reader.next();
        call = null;
        head = null;
        answering = false;
        streaming = false;
        sent = 0;
        unacknowledged = 0;
        if (!keepsAlive || front.isDraining() || (atEnd && reader.unread() == 0)) {
            close();
        } else {
            readOn();
        }
    }

    private void readOn() {
        if (key.isValid() && !atEnd) {
            key.interestOpsOr(SelectionKey.OP_READ);
        }
        if (reader.unread() > 0 && !advancing) {
            front.loop().soon(this::advance);
        }
    }

    private String method() {
        return head == null ? "GET" : head.method();
    }

    private byte[] headLines(int status, byte[] responseHead, int length) {
        this.status = status;
        StringBuilder rest = new StringBuilder();
        if (length < 0 && streaming) {
            rest.append("Transfer-Encoding: chunked\r\n");
        } else if (length < 0) {
            keepsAlive = false;
        } else if (status != 204 && status != 304) {
            rest.append("Content-Length: ").append(length).append("\r\n");
        }
        rest.append(keepsAlive && !front.isDraining() ? "\r\n" : "Connection: close\r\n\r\n");
        byte[] first = Wire.bytes(front.wire().begin(status));
        byte[] last = Wire.bytes(rest.toString());
        return ByteBuffer.allocate(first.length + responseHead.length + last.length)
                .put(first).put(responseHead).put(last).array();
    }

    /** Close when what was written has gone; what still comes is read and forgotten meanwhile. */
    private void close() {
        closing = true;
        front.loop().later(LINGER, this::abort);
        if (output.size() == 0) {
            endOutput();
        }
    }

    private void endOutput() {
        try {
            if (channel.isOpen()) {
                channel.shutdownOutput();
            }
        } catch (IOException error) {
            abort();
        }
        if (atEnd) {
            abort();
        } else {
            tellLost();
        }
    }

    @Override
    public void abort() {
        closing = true;
        key.cancel();
        try {
            channel.close();
        } catch (IOException error) {
            // it is gone as well
        }
        tellLost();
    }

    private void tellLost() {
        if (!lost) {
            lost = true;
            reader.next();
            Call pending = call;
            call = null;
            front.lost(this, pending);
        }
    }
}
