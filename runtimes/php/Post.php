<?php

declare(strict_types=1);

namespace Tidegate;

/** The worker's end of its channel, which waits until a message is sent or has come. */
final class Post
{
    /** How many CANCEL messages have come. */
    public int $cancels = 0;

    private readonly Channel $decoder;

    /** @var list<list<mixed>> */
    private array $inbox = [];

    /** @param resource $channel */
    public function __construct(private readonly mixed $channel)
    {
        // Streams that block would give up after a minute, and at signals: we wait ourselves.
        Stream::unblock($channel);
        $this->decoder = new Channel();
    }

    public function send(mixed ...$message): void
    {
        $data = Channel::encode(...$message);
        while ($data !== '') {
            $sent = @fwrite($this->channel, $data);
            if ($sent === false) {
                exit(1); // the front is gone
            }
            $data = substr($data, $sent);
            $data === '' || $this->wait(forReading: false);
        }
    }

    /**
     * The next message; null when the front has closed the channel.
     *
     * @return ?list<mixed>
     */
    public function receive(): ?array
    {
        while (!$this->inbox) {
            $this->wait(forReading: true);
            $data = @fread($this->channel, Channel::READ_SIZE);
            if (($data === '' || $data === false) && Stream::hasEnded($this->channel)) {
                return null;
            }
            $this->inbox = $this->decoder->feed((string) $data);
        }
        $message = array_shift($this->inbox);
        $this->cancels += (int) ($message[0] === Channel::CANCEL);
        return $message;
    }

    private function wait(bool $forReading): void
    {
        $none = null;
        $readable = $forReading ? [$this->channel] : null;
        $writable = $forReading ? null : [$this->channel];
        @stream_select($readable, $writable, $none, null);
    }
}
