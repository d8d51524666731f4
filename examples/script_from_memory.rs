//! A script that is no file: played to its end, it leaves a Realm with a RIM.

use std::error::Error;

use rimsim::World;
use rimsim::script::{MemoryFiles, Player, load_from};
use rimsim::session::Session;

const SCRIPT: &str = "
rtt auto
let ram = 0x8000_0000
image kernel = fill 8KiB seed=1
let rd = auto
REALM_CREATE rd=rd params_ptr=RealmParams { s2sz=40, num_bps=1, num_wps=1, hash_algo=sha256,
    rtt_base=auto, rtt_level_start=1, rtt_num_start=2 }
RTT_INIT_RIPAS rd=rd base=ram top=ram+8MiB all
DATA_CREATE rd=rd ipa=ram image=kernel flags=measure
DATA_CREATE rd=rd ipa=ram+1 image=kernel flags=measure => RMI_ERROR_INPUT
REALM_ACTIVATE rd=rd
";

fn main() -> Result<(), Box<dyn Error>> {
    let mut files = MemoryFiles([("realm.rmi".to_owned(), SCRIPT.into())].into());
    let mut player = Player::new(load_from("realm.rmi", &mut files)?);
    let (platform, profile) = player.setup();
    let mut session = Session::new(World::new(platform, profile));
    player.play(&mut session)?;

    let (rd, _) = session.world().realms().next().expect("there is a Realm");
    let rim = session.world_mut().rim(rd.0).expect("it is measured");
    assert_eq!(rim.to_string(), "67e6f0534a31f10ad3f30e2365a37bb3d6d7fb8e25bc2f9c89a229928f56332c");
    println!("{rim}");
    Ok(())
}
