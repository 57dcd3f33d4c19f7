// A TURN server of pion/turn's own parts, for the rig: address, relay address, port, and the one
// user's name, password and realm as arguments.
package main

import (
	"log"
	"net"
	"os"
	"os/signal"
	"syscall"

	"github.com/pion/turn/v2"
)

func main() {
	if len(os.Args) != 7 {
		log.Fatal("expected address, relay address, port, user, password and realm")
	}
	address, relay, port := os.Args[1], os.Args[2], os.Args[3]
	user, password, realm := os.Args[4], os.Args[5], os.Args[6]

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
			PacketConn: listener,
			RelayAddressGenerator: &turn.RelayAddressGeneratorStatic{
				RelayAddress: net.ParseIP(relay),
				Address:      relay,
			},
		}},
	})
	if err != nil {
		log.Fatal(err)
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	<-signals
	if err := server.Close(); err != nil {
		log.Fatal(err)
	}
}
