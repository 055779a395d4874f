package io.tidegate.runtime.front;

/** Where a call's answer goes: the client's connection. */
interface Reply {
    /** The whole answer. */
    void respond(int status, byte[] head, byte[] body);

    /** The head of an answer whose body follows in chunks; a length of -1 is unknown. */
    void start(int status, byte[] head, int length);

    /** A part of the body; `Pool.more` is due when another may come. */
    void chunk(byte[] data);

    /** The body is whole. */
    void finish();

    /** The body will not be whole: close so that the client can tell. */
    void abort();
}
