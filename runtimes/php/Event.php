<?php

declare(strict_types=1);

namespace Tidegate;

/** From a request to the function's event and context: plain objects, as in Kubeless. */
final class Event
{
    /** The event of one request; throws BadData. */
    public static function fromRequest(
        string $method,
        string $target,
        string $lines,
        string $body,
        string $peer,
    ): \stdClass {
        $headers = Headers::parse($lines);
        $lower = $headers->lower();
        $attributes = isset($lower['ce-id']) ? self::attributes($lower) : null;
        return (object) [
            'data' => self::data($lower['content-type'] ?? '', $body),
            'event-id' => $lower['event-id'] ?? $attributes->id ?? null,
            'event-type' => $lower['event-type'] ?? $attributes->type ?? null,
            'event-time' => $lower['event-time'] ?? $attributes->time ?? null,
            'event-namespace' => $lower['event-namespace'] ?? null,
            'cloudevent' => $attributes,
            'extensions' => (object) [
                'request' => new Request($method, $target, $headers, $body, $peer),
                'response' => new Response(),
            ],
        ];
    }

    /** The context of one call. */
    public static function context(Settings $settings, float $deadline): \stdClass
    {
        return (object) [
            'function-name' => $settings->handler,
            'timeout' => $settings->timeout,
            'runtime' => $settings->runtime,
            'memory-limit' => $settings->memoryLimit,
            'name' => $settings->name,
            'namespace' => $settings->namespace,
            'deadline' => $deadline,
        ];
    }

    /**
     * CloudEvents attributes of binary mode, percent-decoded.
     *
     * @param array<string, string> $lower
     */
    private static function attributes(array $lower): \stdClass
    {
        $attributes = new \stdClass();
        foreach ($lower as $name => $value) {
            if (str_starts_with((string) $name, 'ce-')) {
                $attributes->{substr($name, 3)} = rawurldecode($value);
            }
        }
        if (isset($lower['content-type'])) {
            $attributes->datacontenttype = $lower['content-type'];
        }
        return $attributes;
    }

    /** The body as the function sees it: JSON parsed, everything else as it came. */
    private static function data(string $contentType, string $body): mixed
    {
        $mediaType = strtolower(trim(explode(';', $contentType, 2)[0]));
        if ($mediaType !== 'application/json' && !str_ends_with($mediaType, '+json')) {
            return $body;
        }
        try {
            return $body === '' ? null : json_decode($body, flags: JSON_THROW_ON_ERROR);
        } catch (\JsonException $error) {
            $reason = lcfirst($error->getMessage());
            throw new BadData("the body is not the JSON that its Content-Type promises: $reason");
        }
    }
}
