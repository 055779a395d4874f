# frozen_string_literal: true

require "json"
require_relative "request"

module Tidegate
  # The body is not what its Content-Type says; the message is for the client.
  class BadData < StandardError; end

  # From a request to the function's event and context, whose keys are symbols as in Kubeless.
  module Event
    # Deeper JSON is refused.
    DEPTH_LIMIT = 512

    TEXT = %r{\Atext/[^;]*(;\s*charset="?utf-8"?\s*)?\z}i

    class << self
      # The event of one request; raises BadData.
      def from_request(method, target, lines, body, peer)
        lower = {}
        Headers.each_in(lines) { |name, value| lower[name.downcase] = value }
        attributes = cloudevent(lower) if lower.key?("ce-id")
        {
          data: parse(lower["content-type"] || "", body),
          "event-id": lower["event-id"] || attributes&.fetch("id"),
          "event-type": lower["event-type"] || attributes&.fetch("type", nil),
          "event-time": lower["event-time"] || attributes&.fetch("time", nil),
          "event-namespace": lower["event-namespace"],
          cloudevent: attributes,
          extensions: {
            request: Request.new(method, target, lines, body, peer),
            response: Response.new
          }
        }
      end

      # What is the same for every call; `deadline` is added to each.
      def context(settings)
        {
          "function-name": settings.handler,
          timeout: settings.timeout,
          runtime: settings.runtime,
          "memory-limit": settings.memory_limit,
          name: settings.name,
          namespace: settings.namespace
        }
      end

      private

      # CloudEvents attributes of binary mode, percent-decoded.
      def cloudevent(lower)
        attributes = {}
        lower.each do |name, value|
          attributes[name.delete_prefix("ce-")] = Text.decode(value) if name.start_with?("ce-")
        end
        attributes["datacontenttype"] = lower["content-type"] if lower.key?("content-type")
        attributes
      end

      # The body as the function sees it: JSON parsed, text as UTF-8, everything else as bytes.
      def parse(content_type, body)
        return json(body) if json?(content_type)

        TEXT.match?(content_type) ? body.dup.force_encoding(Encoding::UTF_8) : body
      end

      # Whether a media type, with or without parameters, is JSON.
      def json?(content_type)
        media_type = content_type.partition(";").first.strip.downcase
        media_type == "application/json" || media_type.end_with?("+json")
      end

      def json(body)
        return nil if body.empty?

        text = body.dup.force_encoding(Encoding::UTF_8)
        bad("it is not UTF-8") unless text.valid_encoding?
        JSON.parse(text, max_nesting: DEPTH_LIMIT)
      rescue JSON::NestingError
        bad("it is nested too deeply")
      rescue JSON::ParserError
        bad("it cannot be parsed")
      end

      # The parser's own words would quote the body.
      def bad(reason)
        raise BadData, "the body is not the JSON that its Content-Type promises: #{reason}"
      end
    end
  end
end
