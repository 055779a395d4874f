package wire

import (
	"bytes"
	"net/http"
)

// lineLimit bounds the lines of a chunked body: sizes with their extensions, and trailers.
const lineLimit = 4096

// chunks follows a chunked body to its end, without changing it: net/http decodes it.
type chunks struct {
	expects part
	left    int64 // bytes of the chunk's data that are to come
}

type part int

const (
	chunkSize part = iota
	chunkData
	chunkEnd // the line end after the data
	trailer
	bodyEnd
)

// next returns how many of the bytes go on to net/http, where 0 asks for more of them.
func (c *chunks) next(buffer []byte) (int, *Refusal) {
	if c.expects == chunkData {
		return c.data(buffer), nil
	}
	end := bytes.Index(buffer, []byte("\r\n"))
	if end < 0 {
		if len(buffer) >= lineLimit {
			return 0, refuse(http.StatusBadRequest, "a line in the chunked body is too long")
		}
		return 0, c.early(buffer)
	}
	return end + 2, c.line(buffer[:end])
}

// early finds what cannot become a line end, without waiting for more that may never come.
func (c *chunks) early(buffer []byte) *Refusal {
	if c.expects == chunkEnd && len(buffer) > 0 && buffer[0] != '\r' {
		return c.line(buffer)
	}
	return nil
}

func (c *chunks) data(buffer []byte) int {
	taken := min(c.left, int64(len(buffer)))
	c.left -= taken
	if c.left == 0 {
		c.expects = chunkEnd
	}
	return int(taken)
}

func (c *chunks) line(line []byte) *Refusal {
	switch c.expects {
	case chunkSize:
		return c.size(line)
	case chunkEnd:
		if len(line) > 0 {
			return refuse(http.StatusBadRequest, "a chunk is longer than its size says")
		}
		c.expects = chunkSize
	case trailer:
		if len(line) == 0 {
			c.expects = bodyEnd
		} else if (&head{}).header(line) != nil {
			return refuse(http.StatusBadRequest, "a trailer line is malformed")
		}
	}
	return nil
}

func (c *chunks) size(line []byte) *Refusal {
	digits, extension, _ := bytes.Cut(line, []byte(";"))
	size, valid := hexadecimal(bytes.TrimRight(digits, " \t"))
	if !valid || !isValue(extension) {
		return refuse(http.StatusBadRequest, "a chunk size is malformed")
	}
	c.left, c.expects = size, chunkData
	if size == 0 {
		c.expects = trailer
	}
	return nil
}

func hexadecimal(digits []byte) (number int64, valid bool) {
	for _, digit := range digits {
		value := bytes.IndexByte([]byte("0123456789abcdef"), digit|0x20)
		if value < 0 || digit < '0' {
			return 0, false
		}
		number = number<<4 | int64(value)
	}
	return number, len(digits) > 0 && len(digits) <= 8
}
