package io.tidegate.runtime.front;

/** The call cannot be taken now; the message is for the client, who may try again. */
final class Unavailable extends Exception {
    private static final long serialVersionUID = 1;

    Unavailable(String sentence) {
        super(sentence, null, false, false);
    }
}
