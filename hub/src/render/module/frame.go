package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
)

// A frame is how bytes cross the border in both directions: the length of a JSON head
// (4 bytes, little endian), the head, then the raw bodies one after the other. The head
// lists the size of each body, so that files and documents are never escaped or copied twice.

var errFrame = errors.New("the frame is cut short")

// readFrame decodes the head into `head` and returns the bytes behind it.
func readFrame(frame []byte, head any) ([]byte, error) {
	if len(frame) < 4 {
		return nil, errFrame
	}
	size := int(binary.LittleEndian.Uint32(frame))
	if size > len(frame)-4 {
		return nil, errFrame
	}
	decoder := json.NewDecoder(bytes.NewReader(frame[4 : 4+size]))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(head); err != nil {
		return nil, err
	}
	return frame[4+size:], nil
}

func writeFrame(head any, bodies [][]byte) []byte {
	encoded, err := json.Marshal(head)
	if err != nil {
		panic(err) // every head is a struct of strings and numbers
	}
	size := 4 + len(encoded)
	for _, body := range bodies {
		size += len(body)
	}
	frame := make([]byte, 4, size)
	binary.LittleEndian.PutUint32(frame, uint32(len(encoded)))
	frame = append(frame, encoded...)
	for _, body := range bodies {
		frame = append(frame, body...)
	}
	return frame
}
