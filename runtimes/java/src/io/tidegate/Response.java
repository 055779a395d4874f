package io.tidegate;

/** A status, headers and a body: what a function shapes, returns or throws. */
public final class Response {
    private final Headers headers = new Headers();
    private int status = 200;
    private Object body;

    /** A response with this body: whatever a function may return. */
    public static Response of(Object body) {
        return new Response().body(body);
    }

    public int status() {
        return status;
    }

    /** From 200 to 599. */
    public Response status(int status) {
        this.status = status;
        return this;
    }

    public Headers headers() {
        return headers;
    }

    /** Set a header, replacing others of its name. */
    public Response header(String name, String value) {
        headers.set(name, value);
        return this;
    }

    /** Add a header beside others of its name. */
    public Response addHeader(String name, String value) {
        headers.add(name, value);
        return this;
    }

    public Response contentType(String value) {
        return header("Content-Type", value);
    }

    public Object body() {
        return body;
    }

    /** Whatever a function may return, but for another response. */
    public Response body(Object body) {
        this.body = body;
        return this;
    }
}
