package io.tidegate.runtime.front;

/** The client broke the protocol or a limit; the status and a sentence say how. */
final class BadRequest extends Exception {
    private static final long serialVersionUID = 1;

    final int status;

    BadRequest(int status, String sentence) {
        super(sentence, null, false, false);
        this.status = status;
    }
}
