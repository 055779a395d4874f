<?php

declare(strict_types=1);

namespace Tidegate;

/** One client's connection: requests in, answers out, one at a time and in order. */
final class Connection
{
    /** How long a connection is kept between requests: longer than its clients keep it. */
    private const IDLE_TIMEOUT = 75.0;

    /** How long a head may take as a whole, and a body between two pieces. */
    private const READ_TIMEOUT = 30.0;

    private const PIPELINE_LIMIT = 64 * 1024;
    private const READ_SIZE = 64 * 1024;

    /** A reader that is behind by so much gets no more of a stream. */
    private const HIGH_WATER = 64 * 1024;

    public ?Head $head = null;

    private readonly Outbox $outbox;
    private readonly RequestReader $requests;
    private ?Call $call = null;
    private float $waitingSince;
    private bool $open = true;
    private bool $closing = false;
    private bool $ended = false;
    private bool $answering = false;
    private bool $chunked = false;
    private int $status = 0;
    private int $sent = 0;
    private int $unacknowledged = 0;

    /** @param resource $socket */
    public function __construct(
        private readonly mixed $socket,
        public readonly string $peer,
        private readonly Front $front,
        private readonly Reactor $reactor,
    ) {
        $this->outbox = new Outbox($socket, $reactor, $this->abort(...), $this->drained(...));
        $this->requests = new RequestReader($front, $this->outbox->write(...));
        $this->waitingSince = $reactor->now();
        $this->readOn();
    }

    /** Close when the client has been silent for too long at this point. */
    public function closeIfIdle(float $now, float $idleTimeout = self::IDLE_TIMEOUT): void
    {
        $silent = $now - $this->waitingSince;
        if ($this->answering) {
            return;
        }
        if ($this->closing) {
            $silent >= self::READ_TIMEOUT && $this->abort();
        } elseif (!$this->requests->hasBegun()) {
            $silent >= $idleTimeout && $this->close();
        } elseif ($silent >= self::READ_TIMEOUT) {
            $this->refuse(408, 'the request did not arrive in time');
        }
    }

    /** Answer a request that cannot be read to its end, and close. */
    public function refuse(int $status, string $sentence): void
    {
        $this->head = null;
        $this->answering = true;
        $this->respond($status, $status === 503 ? Front::RETRY : Front::PLAIN, "$sentence\n");
    }

    /** The whole answer to the request that was read. */
    public function respond(int $status, string $head, string $body): void
    {
        $lines = $this->headLines($status, $head, strlen($body));
        if ($this->hasBody($status)) {
            $this->sent = strlen($body);
            $lines .= $body;
        }
        $this->outbox->write($lines);
        $this->complete();
    }

    /** The head of an answer whose body follows in chunks. */
    public function start(int $status, string $head, ?int $length): void
    {
        $this->chunked = $length === null && $this->head->version === 1;
        $this->outbox->write($this->headLines($status, $head, $length));
    }

    /** A part of the body; the worker may send another when the client has taken enough. */
    public function chunk(string $data): void
    {
        if ($this->hasBody($this->status)) {
            $this->sent += strlen($data);
            $this->outbox->write($this->chunked ? dechex(strlen($data)) . "\r\n$data\r\n" : $data);
        }
        if ($this->outbox->size() > self::HIGH_WATER) {
            $this->unacknowledged++;
        } elseif ($this->call !== null) {
            $this->front->more($this->call);
        }
    }

    /** The body is whole. */
    public function finish(): void
    {
        if ($this->chunked && $this->hasBody($this->status)) {
            $this->outbox->write("0\r\n\r\n");
        }
        $this->complete();
    }

    /** Close at once, so that the client can tell that the answer is not whole. */
    public function abort(): void
    {
        if (!$this->open) {
            return;
        }
        $this->open = false;
        $this->reactor->forget($this->socket);
        $this->outbox->clear();
        fclose($this->socket);
        $this->requests->release();
        [$call, $this->call] = [$this->call, null];
        $this->front->lost($this, $call);
    }

    /** Ready for the next request. */
    private function renew(): void
    {
        $this->call = $this->head = null;
        $this->answering = $this->chunked = false;
        $this->sent = $this->unacknowledged = 0;
        $this->waitingSince = $this->reactor->now();
    }

    private function readOn(): void
    {
        if ($this->open && !$this->ended && !$this->closing) {
            $this->reactor->onReadable($this->socket, $this->read(...));
        }
    }

    private function read(): void
    {
        $data = @fread($this->socket, self::READ_SIZE);
        if ($data === false || $data === '') {
            Stream::hasEnded($this->socket) && $this->end();
            return;
        }
        if ($this->closing) {
            return; // it was refused: what it still says is of no interest
        }
        $this->requests->add($data);
        if (!$this->answering) {
            $this->advance();
        } elseif ($this->requests->size() > self::PIPELINE_LIMIT) {
            $this->reactor->forgetReading($this->socket);
        }
    }

    /** A client that closes its side may still want the answer of a call that runs. */
    private function end(): void
    {
        $this->ended = true;
        $this->reactor->forgetReading($this->socket);
        $running = $this->call !== null && !$this->front->isWaiting($this->call);
        if (!$running && !($this->closing && $this->outbox->size() > 0)) {
            $this->abort();
        }
    }

    /** Read on as far as the bytes go. */
    private function advance(): void
    {
        if (!$this->open || $this->answering || $this->closing) {
            return;
        }
        $this->waitingSince = $this->reactor->now();
        try {
            $request = $this->requests->next();
        } catch (BadRequest $error) {
            $this->refuse($error->status, $error->getMessage());
            return;
        }
        if ($request !== null) {
            [$this->head, $body] = $request;
            $this->serve($body);
        }
    }

    private function serve(string $body): void
    {
        $this->answering = true;
        $own = $this->front->ownAnswer($this->head->path());
        if ($own !== null) {
            $this->respond(...$own);
            return;
        }
        try {
            $this->call = $this->front->callFor($this, $this->head, $body);
            $this->front->submit($this->call);
        } catch (Unavailable $error) {
            $this->respond(503, Front::RETRY, "{$error->getMessage()}\n");
        }
    }

    /** Go on with the next request, or close. */
    private function complete(): void
    {
        $this->front->answered($this, $this->status, $this->sent);
        $keep = $this->open && $this->keepsAlive();
        $this->requests->release();
        $this->renew();
        if (!$keep || ($this->ended && $this->requests->size() === 0)) {
            $this->close();
            return;
        }
        $this->readOn();
        if ($this->requests->size() > 0) {
            // Not at once: a long pipeline would pile up on the stack, and starve other connections.
            $this->reactor->after(0, $this->advance(...));
        }
    }

    /** Close when all is sent. */
    private function close(): void
    {
        if ($this->outbox->size() === 0) {
            $this->abort();
        } else {
            $this->closing = true;
        }
    }

    private function drained(): void
    {
        if ($this->closing) {
            $this->abort();
            return;
        }
        [$due, $this->unacknowledged] = [$this->unacknowledged, 0];
        while ($this->call !== null && $due-- > 0) {
            $this->front->more($this->call);
        }
    }

    private function hasBody(int $status): bool
    {
        return $this->head === null || $this->head->hasBody($status);
    }

    private function keepsAlive(): bool
    {
        return $this->head !== null && $this->head->keepAlive && !$this->front->isDraining();
    }

    private function headLines(int $status, string $head, ?int $length): string
    {
        $this->status = $status;
        $lines = Wire::statusLine($status) . Wire::dateLine() . $head;
        if ($length !== null) {
            $lines .= $status === 204 || $status === 304 ? '' : "Content-Length: $length\r\n";
        } elseif ($this->chunked) {
            $lines .= "Transfer-Encoding: chunked\r\n";
        } else {
            $this->head->keepAlive = false;
        }
        return $lines . ($this->keepsAlive() ? "\r\n" : "Connection: close\r\n\r\n");
    }
}
