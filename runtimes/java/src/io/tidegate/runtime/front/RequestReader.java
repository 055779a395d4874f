package io.tidegate.runtime.front;

import java.nio.ByteBuffer;

/** Makes requests of the bytes of one connection: a head, its body, and the next. */
final class RequestReader {
    private final int bodyLimit;
    private final HeldBytes held;
    private final Runnable askForBody;
    private final Input input = new Input();
    private double waitingSince = Loop.now();
    private Head head;
    private Body body;
    private long holds;

    RequestReader(int bodyLimit, HeldBytes held, Runnable askForBody) {
        this.bodyLimit = bodyLimit;
        this.held = held;
        this.askForBody = askForBody;
    }

    /** More bytes have come; the time for a head counts from its first. */
    void append(ByteBuffer more) {
        if (isBetween()) {
            waitingSince = Loop.now();
        }
        input.append(more);
    }

    /** Bytes that belong to no request yet. */
    int unread() {
        return input.size();
    }

    /** Whether the client has not begun a request. */
    boolean isBetween() {
        return head == null && input.size() == 0;
    }

    /** Seconds since something was read that counts. */
    double silence() {
        return Loop.now() - waitingSince;
    }

    /** Whether a whole request has been read. */
    boolean read() throws BadRequest {
        if (head == null && !readHead()) {
            return false;
        }
        boolean whole = body.feed(input);
        hold(body.size() - holds);
        waitingSince = Loop.now();
        return whole;
    }

    /** The head of the request that was read. */
    Head head() {
        return head;
    }

    /** Its body, once. */
    byte[] body() {
        byte[] whole = body.whole();
        body = null;
        return whole;
    }

    /** The request is answered, or will not be. */
    void next() {
        held.release(holds);
        holds = 0;
        head = null;
        body = null;
        waitingSince = Loop.now();
    }

    private boolean readHead() throws BadRequest {
        while (input.size() > 1 && input.at(0) == '\r' && input.at(1) == '\n') {
            input.skip(2);
        }
        int end = input.headEnd();
        if (end > HeadParser.HEAD_LIMIT || (end < 0 && input.size() > HeadParser.HEAD_LIMIT)) {
            throw new BadRequest(
                    431, "the request's head is larger than " + HeadParser.HEAD_LIMIT + " bytes");
        }
        if (end < 0) {
            return false;
        }
        Head parsed = HeadParser.parse(input.take(end));
        input.skip(4);
        expectBody(parsed);
        head = parsed;
        return true;
    }

    /** Make room for the body, and ask for it where the client waits to be asked. */
    private void expectBody(Head parsed) throws BadRequest {
        if (parsed.length() > bodyLimit) {
            throw new BadRequest(413, "the body is larger than " + bodyLimit + " bytes");
        }
        hold(parsed.length());
        body = Body.of(parsed, bodyLimit);
        String expectation = parsed.known().get("expect");
        if (expectation != null && parsed.length() != 0) {
            if (!expectation.equalsIgnoreCase("100-continue")) {
                throw new BadRequest(417, "the only expectation understood is 100-continue");
            }
            askForBody.run();
        }
    }

    private void hold(long more) throws BadRequest {
        if (more > 0) {
            if (!held.reserve(more)) {
                throw new BadRequest(503, "too many large bodies at once: try again");
            }
            holds += more;
        }
    }
}
