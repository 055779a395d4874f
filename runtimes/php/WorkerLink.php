<?php

declare(strict_types=1);

namespace Tidegate;

/** One worker as the pool sees it: its channel, its call, its life. */
final class WorkerLink
{
    /** How long an interrupted call may take to unwind before its worker is killed. */
    private const GRACE = 0.25;

    /** How long an idle worker may take to exit (its shutdown functions) before it is killed. */
    private const STOP_GRACE = 1.0;

    public ?Call $call = null;
    public float $idleSince;

    private readonly Channel $decoder;
    private readonly Outbox $outbox;
    private bool $loaded = false;
    private bool $retiring = false;
    private bool $open = true;
    private ?float $stopBy = null;

    /** @param \Closure(WorkerLink, list<mixed>): void $onMessage gets what the worker says */
    public function __construct(
        public readonly WorkerProcess $process,
        private readonly Reactor $reactor,
        private readonly \Closure $onMessage,
    ) {
        $this->idleSince = $reactor->now();
        $this->decoder = new Channel();
        $this->outbox = new Outbox($process->channel, $reactor, $this->detach(...));
        $reactor->onReadable($process->channel, $this->read(...));
    }

    /** The function is loaded. */
    public function isReady(): bool
    {
        return $this->loaded && !$this->retiring;
    }

    /** Takes no more calls. */
    public function isRetiring(): bool
    {
        return $this->retiring;
    }

    public function isFree(): bool
    {
        return $this->call === null && $this->isReady();
    }

    public function welcome(): void
    {
        $this->loaded = true;
    }

    /** Hand a call to the worker. */
    public function begin(Call $call): void
    {
        $this->call = $call;
        $head = $call->head;
        $request = [$head->method, $head->target, $head->lines, $call->body, $call->reply->peer];
        $this->send(Channel::CALL, ...$request, ...[$call->unixDeadline]);
        $call->body = '';
    }

    /** The call is over, or its worker is. */
    public function endCall(): void
    {
        $this->call = null;
        $this->idleSince = $this->reactor->now();
    }

    /** Let the worker send one more chunk. */
    public function more(): void
    {
        $this->send(Channel::MORE);
    }

    /** Stop the call; the worker is killed when it has not ended after the grace. */
    public function interrupt(): void
    {
        $this->call->graceEnds = $this->reactor->now() + self::GRACE;
        $this->send(Channel::CANCEL);
        $this->process->interrupt();
    }

    /** Let an idle worker exit by itself. */
    public function stop(): void
    {
        $this->retiring = true;
        $this->stopBy = $this->reactor->now() + self::STOP_GRACE;
        $this->detach();
        $this->process->close();
    }

    /** Kill a worker whose call has outlived its interruption, or that does not exit. */
    public function endIfOverdue(float $now): void
    {
        $outlived = $this->call !== null && $this->call->settled && $now >= $this->call->graceEnds;
        if ($outlived || ($this->stopBy !== null && $now >= $this->stopBy)) {
            $this->kill();
        }
    }

    public function kill(): void
    {
        $this->retiring = true;
        $this->process->kill();
    }

    /** Take what a worker that has ended had said before. */
    public function hearOut(): void
    {
        while ($this->open && $this->read()) {
        }
        $this->detach();
        $this->process->close();
    }

    /** Listen no more. */
    public function detach(): void
    {
        if ($this->open) {
            $this->open = false;
            $this->reactor->forget($this->process->channel);
        }
    }

    /** Whether there was something. */
    private function read(): bool
    {
        $data = @fread($this->process->channel, Channel::READ_SIZE);
        if ($data === false || $data === '') {
            if (Stream::hasEnded($this->process->channel)) {
                $this->detach(); // the process has ended or is about to: it is reaped
            }
            return false;
        }
        try {
            foreach ($this->decoder->feed($data) as $message) {
                ($this->onMessage)($this, $message);
            }
        } catch (Garbled) {
            $this->kill();
            return false;
        }
        return true;
    }

    private function send(mixed ...$message): void
    {
        if ($this->open) {
            $this->outbox->write(Channel::encode(...$message));
        }
    }
}
