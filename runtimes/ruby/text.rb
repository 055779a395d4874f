# frozen_string_literal: true

module Tidegate
  # From bytes of HTTP to text.
  module Text
    class << self
      # UTF-8 when the bytes are, else what ISO-8859-1 makes of them.
      def of(bytes)
        return bytes if bytes.encoding == Encoding::UTF_8 && bytes.valid_encoding?

        text = bytes.dup.force_encoding(Encoding::UTF_8)
        text.valid_encoding? ? text : text.force_encoding(Encoding::ISO_8859_1).encode(Encoding::UTF_8)
      end

      # Percent-decoded, as UTF-8.
      def decode(encoded)
        return of(encoded) unless encoded.include?("%")

        bytes = encoded.b.gsub(/%\h\h/n) { |code| code[1, 2].hex.chr }
        bytes.force_encoding(Encoding::UTF_8).scrub
      end

      # The names and values of a query or a form.
      def pairs(encoded)
        encoded.split("&").reject(&:empty?).map do |pair|
          name, value = pair.split("=", 2)
          [decode(name.tr("+", " ")), decode(value.to_s.tr("+", " "))]
        end
      end
    end
  end
end
