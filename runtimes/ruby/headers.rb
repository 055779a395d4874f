# frozen_string_literal: true

require_relative "text"

module Tidegate
  # Headers whose names compare without case; repeated ones are kept in order.
  class Headers
    include Enumerable

    # Yield the names and values of a head's lines, each after a line end.
    def self.each_in(lines)
      text = lines.dup.force_encoding(Encoding::UTF_8)
      whole = text.valid_encoding? # else each value is looked at by itself
      (whole ? text : lines).split("\r\n").drop(1).each do |line|
        name, _, value = line.partition(":")
        yield name, whole ? value.strip : Text.of(value.strip)
      end
    end

    # Those of a request's head.
    def self.parse(lines)
      new.tap { |headers| each_in(lines) { |name, value| headers.add(name, value) } }
    end

    def initialize(pairs = [])
      @pairs = pairs.map { |name, value| [name, value.is_a?(String) ? Text.of(value) : value] }
    end

    # The value, repeated ones joined; nil when there is none.
    def [](name)
      values = getall(name)
      values.join(", ") unless values.empty?
    end

    def []=(name, value)
      delete(name)
      add(name, value)
    end

    def key?(name)
      @pairs.any? { |key, _| key.casecmp?(name) }
    end

    # The value, or the default.
    def fetch(name, default = nil)
      self[name] || default
    end

    # One more header of this name.
    def add(name, value)
      @pairs << [name.to_s, value]
    end

    def delete(name)
      @pairs.reject! { |key, _| key.casecmp?(name.to_s) }
    end

    # Every value of this name, in order.
    def getall(name)
      @pairs.filter_map { |key, value| value if key.casecmp?(name.to_s) }
    end

    # Names and values, repeated ones too.
    def each(&block)
      @pairs.each(&block)
    end

    # Headers where those of extra replace others of their names.
    def merge(extra)
      names = extra.map { |name, _| name.to_s.downcase }
      Headers.new(@pairs.reject { |name, _| names.include?(name.downcase) } + extra.to_a)
    end
  end
end
