package io.tidegate;

/** Throw it to answer with its response, from anywhere in a function. It is no failure. */
public class ResponseException extends RuntimeException {
    private static final long serialVersionUID = 1;

    private final transient Response response;

    public ResponseException(Response response) {
        super("the function answers with status " + response.status(), null, false, false);
        this.response = response;
    }

    public Response response() {
        return response;
    }
}
