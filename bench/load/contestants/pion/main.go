// A TURN server of pion/turn's own parts, for the rig: address, relay addresses with commas between,
// port, and the one user's name, password and realm as arguments.
package main

import (
	"fmt"
	"log"
	"net"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"syscall"

	"github.com/pion/turn/v2"
)

// rotation takes its relay addresses in turns.
type rotation struct {
	all  []turn.RelayAddressGenerator
	next uint32
}

func (r *rotation) take() turn.RelayAddressGenerator {
	return r.all[int(atomic.AddUint32(&r.next, 1))%len(r.all)]
}

func (r *rotation) Validate() error {
	for _, each := range r.all {
		if err := each.Validate(); err != nil {
			return err
		}
	}
	return nil
}

func (r *rotation) AllocatePacketConn(network string, port int) (net.PacketConn, net.Addr, error) {
	return r.take().AllocatePacketConn(network, port)
}

func (r *rotation) AllocateConn(network string, port int) (net.Conn, net.Addr, error) {
	return r.take().AllocateConn(network, port)
}

func main() {
	if len(os.Args) != 7 {
		log.Fatal("expected address, relay addresses, port, user, password and realm")
	}
	address, relays, port := os.Args[1], os.Args[2], os.Args[3]
	user, password, realm := os.Args[4], os.Args[5], os.Args[6]

	generator := &rotation{}
	for _, relay := range strings.Split(relays, ",") {
		generator.all = append(generator.all, &turn.RelayAddressGeneratorStatic{
			RelayAddress: net.ParseIP(relay),
			Address:      relay,
		})
	}
	listener, err := net.ListenPacket("udp4", net.JoinHostPort(address, port))
	if err != nil {
		log.Fatal(err)
	}
	key := turn.GenerateAuthKey(user, realm, password)
	server, err := turn.NewServer(turn.ServerConfig{
		Realm: realm,
		AuthHandler: func(name string, _ string, _ net.Addr) ([]byte, bool) {
			return key, name == user
		},
		PacketConnConfigs: []turn.PacketConnConfig{{
			PacketConn:            listener,
			RelayAddressGenerator: generator,
		}},
	})
	if err != nil {
		log.Fatal(err)
	}
	collections := make(chan os.Signal, 1)
	signal.Notify(collections, syscall.SIGUSR2)
	go func() {
		for count := 1; ; count++ {
			<-collections
			debug.FreeOSMemory()
			fmt.Println("collected", count)
		}
	}()
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	<-signals
	if err := server.Close(); err != nil {
		log.Fatal(err)
	}
}
