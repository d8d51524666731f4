//! Which type implements which command.

/// Calls one macro arm with the type that implements each command.
macro_rules! dispatch {
    ($command:expr, $rmi:ident => $body:expr,
        $($variant:ident { $($arg:ident),* } => $make:expr;)+) => {
        match $command {
            $( Command::$variant { $($arg),* } => { let $rmi = $make; $body } )+
        }
    };
}

/// Runs `$body` with `$rmi` bound to the command's implementation.
macro_rules! with_rmi {
    ($command:expr, $rmi:ident => $body:expr) => {
        dispatch! { $command, $rmi => $body,
            Version { req } => system::Version { req };
            Features { index } => system::Features { index };
            GranuleDelegate { addr } => granule::Delegate { addr };
            GranuleUndelegate { addr } => granule::Undelegate { addr };
            RealmCreate { rd, params_ptr } => realm::Create { rd, params_ptr };
            RealmActivate { rd } => realm::Activate { rd };
            RealmDestroy { rd } => realm::Destroy { rd };
            RecAuxCount { rd } => rec::AuxCount { rd };
            RecCreate { rd, rec, params_ptr } => rec::Create { rd, rec, params_ptr };
            RecDestroy { rec } => rec::Destroy { rec };
            RecEnter { rec, run_ptr } => run::Enter { rec, run_ptr };
            PsciComplete { calling_rec, target_rec, status } =>
                psci_complete::Complete { calling_rec, target_rec, status };
            RttCreate { rd, rtt, ipa, level } => rtt::Create { rd, rtt, ipa, level };
            RttDestroy { rd, ipa, level } => rtt::Destroy { rd, ipa, level };
            RttFold { rd, ipa, level } => rtt::Fold { rd, ipa, level };
            RttReadEntry { rd, ipa, level } => rtt::ReadEntry { rd, ipa, level };
            RttMapUnprotected { rd, ipa, level, desc } =>
                map_unprotected::Map { rd, ipa, level, desc };
            RttUnmapUnprotected { rd, ipa, level } => map_unprotected::Unmap { rd, ipa, level };
            RttInitRipas { rd, base, top } => ripas::Init { rd, base, top };
            RttSetRipas { rd, rec, base, top } => ripas::Set { rd, rec, base, top };
            DataCreate { rd, data, ipa, src, flags } =>
                data::MapInit { rd, data, ipa, src, flags };
            DataCreateUnknown { rd, data, ipa } => data::CreateUnknown { rd, data, ipa };
            DataDestroy { rd, ipa } => data::Destroy { rd, ipa };
            RmmActivate {} => activation::Activate;
            RmmConfigGet { config_ptr } => activation::ConfigGet { config_ptr };
            RmmConfigSet { config_ptr } => activation::ConfigSet { config_ptr };
            GranuleTrackingGet { start, end } => granule_range::TrackingGet { start, end };
            GptL1Create { addr } => granule_range::GptL1Create { addr };
            GranuleRangeDelegate { base, top } => granule_range::Delegate { base, top };
            GranuleRangeUndelegate { base, top } => granule_range::Undelegate { base, top };
            RealmTerminate { rd } => realm::Terminate { rd };
            RecCreateBegin { rd, rec, params_ptr } =>
                rec_operation::Create { rd, rec, params_ptr };
            RecDestroyBegin { rec } => rec_operation::Destroy { rec };
            OpContinue { handle, flags } => operation::Continue::of(handle, flags);
            OpMemDonate { handle, list_ptr, list_count } =>
                operation::MemDonate { handle, list_ptr, list_count };
            OpMemReclaim { handle, list_ptr, list_count } =>
                operation::MemReclaim { handle, list_ptr, list_count };
            OpCancel { handle } => operation::Cancel { handle };
            RmmDeactivate {} => activation::Deactivate;
            RttDataMapInit { rd, data, ipa, src, flags } =>
                data::MapInit { rd, data, ipa, src, flags };
            RttDataMap { rd, base, top, flags, oaddr } =>
                map_data_range::Map { rd, request: Request { base, top, flags, oaddr } };
            RttUnprotMap { rd, base, top, flags, oaddr } =>
                map_unprotected_range::Map { rd, request: Request { base, top, flags, oaddr } };
            RttDataUnmap { rd, base, top, flags, oaddr } =>
                unmap_range::DataUnmap(unmap_range::Arguments { rd, base, top, flags, oaddr });
            RttUnprotUnmap { rd, base, top, flags, oaddr } =>
                unmap_range::UnprotUnmap(unmap_range::Arguments { rd, base, top, flags, oaddr });
            RttAuxCreate { rd, rtt, ipa, level, index } =>
                rtt_aux::Create { rd, rtt, ipa, level, index };
            RttAuxDestroy { rd, ipa, level, index } =>
                rtt_aux::Destroy { rd, ipa, level, index };
            RttAuxFold { rd, ipa, level, index } => rtt_aux::Fold { rd, ipa, level, index };
            RttAuxMapProtected { rd, ipa, index } => rtt_aux::MapProtected { rd, ipa, index };
            RttAuxMapUnprotected { rd, ipa, index } =>
                rtt_aux::MapUnprotected { rd, ipa, index };
            RttAuxUnmapProtected { rd, ipa, index } =>
                rtt_aux::UnmapProtected { rd, ipa, index };
            RttAuxUnmapUnprotected { rd, ipa, index } =>
                rtt_aux::UnmapUnprotected { rd, ipa, index };
            RttDevMap { rd, vdev, base, top, flags, oaddr } =>
                map_device_range::Map { rd, vdev, request: Request { base, top, flags, oaddr } };
            RttDevUnmap { rd, base, top, flags, oaddr } =>
                unmap_range::DevUnmap(unmap_range::Arguments { rd, base, top, flags, oaddr });
            RttDevValidate { rd, rec, base, top } =>
                map_device_range::Validate { rd, rec, base, top };
            RttSetS2ap { rd, rec, base, top } => s2ap::SetS2ap { rd, rec, base, top };
        }
    };
}
