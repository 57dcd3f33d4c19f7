// An agent of pion: `pion TASK`. Its messages are those of data-channel.mjs.
package main

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log"
	"math/rand"
	"os"

	"github.com/pion/webrtc"
)

const (
	messageBytes    = 16384
	waitingBytesMax = 262144
)

type task struct {
	Role   string
	Server struct{ Urls, Username, Credential string }
	Bytes  int
}

type message struct {
	Description *webrtc.SessionDescription `json:"description,omitempty"`
	Done        bool                       `json:"done,omitempty"`
	Closed      bool                       `json:"closed,omitempty"`
}

var input = bufio.NewReader(os.Stdin)

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func say(what message) {
	line, err := json.Marshal(what)
	must(err)
	fmt.Println(string(line))
}

func hear() (heard message) {
	line, err := input.ReadBytes('\n')
	must(err)
	must(json.Unmarshal(line, &heard))
	return heard
}

// send sends the bytes and compares the digest that the other agent answers.
func send(channel *webrtc.DataChannel, length int) {
	opened := make(chan struct{})
	drained := make(chan struct{}, 1)
	answer := make(chan string, 1)
	channel.SetBufferedAmountLowThreshold(waitingBytesMax / 2)
	channel.OnBufferedAmountLow(func() {
		select {
		case drained <- struct{}{}:
		default:
		}
	})
	channel.OnOpen(func() { close(opened) })
	channel.OnMessage(func(received webrtc.DataChannelMessage) { answer <- string(received.Data) })
	<-opened
	content := make([]byte, length)
	rand.New(rand.NewSource(int64(length))).Read(content)
	for rest := content; len(rest) > 0; {
		for channel.BufferedAmount() > waitingBytesMax {
			<-drained
		}
		size := messageBytes
		if len(rest) < size {
			size = len(rest)
		}
		must(channel.Send(rest[:size]))
		rest = rest[size:]
	}
	sent := digest(content)
	if received := <-answer; received != sent {
		log.Fatalf("sent %s, received %s", sent, received)
	}
}

// receive receives the bytes and answers with their digest.
func receive(channel *webrtc.DataChannel, length int) {
	var content []byte
	channel.OnMessage(func(received webrtc.DataChannelMessage) {
		content = append(content, received.Data...)
		if len(content) == length {
			must(channel.SendText(digest(content)))
		}
	})
}

func digest(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

func describe(connection *webrtc.PeerConnection, description webrtc.SessionDescription, err error) {
	must(err)
	gathered := webrtc.GatheringCompletePromise(connection)
	must(connection.SetLocalDescription(description))
	<-gathered
	say(message{Description: connection.LocalDescription()})
}

func main() {
	var given task
	must(json.Unmarshal([]byte(os.Args[1]), &given))
	server := webrtc.ICEServer{
		URLs:       []string{given.Server.Urls},
		Username:   given.Server.Username,
		Credential: given.Server.Credential,
	}
	connection, err := webrtc.NewPeerConnection(webrtc.Configuration{
		ICEServers:         []webrtc.ICEServer{server},
		ICETransportPolicy: webrtc.ICETransportPolicyRelay,
	})
	must(err)
	if given.Role == "offer" {
		channel, err := connection.CreateDataChannel("data", nil)
		must(err)
		offer, err := connection.CreateOffer(nil)
		describe(connection, offer, err)
		must(connection.SetRemoteDescription(*hear().Description))
		send(channel, given.Bytes)
		say(message{Done: true})
	} else {
		connection.OnDataChannel(func(channel *webrtc.DataChannel) { receive(channel, given.Bytes) })
		must(connection.SetRemoteDescription(*hear().Description))
		answer, err := connection.CreateAnswer(nil)
		describe(connection, answer, err)
	}
	hear()
	// The other agent may have closed first, which is an error to DTLS.
	if err := connection.Close(); err != nil {
		log.Print(err)
	}
	say(message{Closed: true})
}
