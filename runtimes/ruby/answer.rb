# frozen_string_literal: true

require "json"
require_relative "headers"

module Tidegate
  # The function returned what cannot be sent; the message names it.
  class Unanswerable < StandardError; end

  # From what a function returns, yields or raises to an answer: a status, encoded header lines,
  # and a body or an enumerator of parts.
  class Answer
    TEXT = "text/plain; charset=utf-8"
    JSON_TYPE = "application/json"
    BYTES = "application/octet-stream"

    NAME = /\A[!#$%&'*+\-.^_`|~0-9A-Za-z]+\z/
    VALUE = /\A[^\x00-\x08\x0a-\x1f\x7f]*\z/
    SERVERS_OWN = %w[
      connection content-length date keep-alive te trailer transfer-encoding upgrade
    ].freeze

    # Where every object has its `to_json` from, which writes no more than its name.
    ANY_TO_JSON = Object.instance_method(:to_json).owner

    attr_reader :status, :head, :body, :parts

    class << self
      # The answer for a returned value, or a raised one; raises Unanswerable.
      def from_result(result, response)
        if response?(result)
          new(result.body, status_of(result), response.headers.merge(headers_of(result)))
        elsif triple?(result)
          new(result[0], result[1], response.headers.merge(result[2]))
        else
          new(result, response.status, response.headers)
        end
      end

      # Whether a value, or an exception, is a response object.
      def response?(value)
        value.respond_to?(:body) && (value.respond_to?(:status) || value.respond_to?(:status_code))
      end

      # One part of a stream.
      def part(value)
        return value.b if value.is_a?(String)

        raise Unanswerable, "a streamed part must be a String, not #{value.class}"
      end

      private

      # `[body, status, headers]`; every other array is a list.
      def triple?(value)
        value.instance_of?(Array) && value.size == 3 && value[1].is_a?(Integer) && value[2].is_a?(Hash)
      end

      # The response object's headers; `headerlist` keeps repeated ones.
      def headers_of(response)
        return response.headerlist if response.respond_to?(:headerlist)

        (response.headers if response.respond_to?(:headers)) || {}
      end

      # The number, also of a status like '404 Not Found'.
      def status_of(response)
        status = response.respond_to?(:status) ? response.status : response.status_code
        status.is_a?(String) && status.match?(/\A\d{3}/) ? status.to_i : status
      end
    end

    def initialize(value, status, headers)
      unless status.is_a?(Integer) && status.between?(200, 599)
        raise Unanswerable, "the status must be a whole number from 200 to 599, not #{status.inspect}"
      end

      @status = status
      if value.is_a?(Enumerator)
        @parts = value
        type = TEXT
      else
        @body, type = encode(value)
      end
      @head = head_lines(headers, type)
    end

    private

    # The body's bytes and the content type that goes with the value.
    def encode(value)
      case value
      when String then value.encoding == Encoding::BINARY ? [value, BYTES] : [utf8(value), TEXT]
      when nil then ["", nil]
      else [json(value), JSON_TYPE]
      end
    end

    def utf8(text)
      (text.encoding == Encoding::UTF_8 ? text : text.encode(Encoding::UTF_8)).b
    rescue EncodingError
      text.b
    end

    def json(value)
      text = JSON.generate(value)
      raise JSON::GeneratorError, "it has an object without to_json" unless plain?(value)

      text.b
    rescue JSON::JSONError, EncodingError => error
      raise Unanswerable, "the returned #{value.class} cannot be written as JSON: #{error.message}"
    end

    # Whether JSON writes all of value, not only the names of some objects.
    def plain?(value)
      case value
      when String, nil, Integer, Float, true, false, Symbol then true
      when Hash then value.each_value.all? { |one| plain?(one) }
      when Array then value.all? { |one| plain?(one) }
      else value.method(:to_json).owner != ANY_TO_JSON
      end
    end

    # Header lines, without those that are the server's own.
    def head_lines(headers, type)
      lines = headers.reject { |name, _| SERVERS_OWN.include?(name.downcase) }
      lines << ["Content-Type", type] if type && lines.none? { |name, _| name.casecmp?("content-type") }
      lines.map { |name, value| header_line(name, value.to_s) }.join.b
    end

    # One line; raises Unanswerable for what would break the response.
    def header_line(name, value)
      return "#{name}: #{value}\r\n" if NAME.match?(name) && VALUE.match?(value)

      raise Unanswerable, "the response header #{name.inspect} has a character that HTTP does not allow"
    end
  end
end
