# SPDX-License-Identifier: GPL-2.0-or-later
# Puts the plugin where XenCenter finds it, or takes it away again (-Remove). Run it as administrator.
param([string]$XenCenter, [switch]$Remove)
$ErrorActionPreference = 'Stop'

# Where XenCenter was installed: its own word in the registry, else where its installers put it.
function Find-XenCenter {
    foreach ($key in 'HKCU:\SOFTWARE\XenServer\XenCenter', 'HKLM:\SOFTWARE\XenServer\XenCenter',
                     'HKLM:\SOFTWARE\WOW6432Node\XenServer\XenCenter', 'HKCU:\SOFTWARE\Citrix\XenCenter',
                     'HKLM:\SOFTWARE\Citrix\XenCenter', 'HKLM:\SOFTWARE\WOW6432Node\Citrix\XenCenter') {
        $found = (Get-ItemProperty -Path $key -Name InstallDir -ErrorAction SilentlyContinue).InstallDir
        if ($found -and (Test-Path -LiteralPath $found)) { return $found }
    }
    foreach ($programs in ${env:ProgramFiles(x86)}, $env:ProgramFiles) {
        foreach ($name in 'XenServer\XenCenter', 'Citrix\XenCenter', 'XCP-ng Center') {
            if ($programs -and (Test-Path -LiteralPath (Join-Path $programs $name))) { return Join-Path $programs $name }
        }
    }
    throw 'XenCenter was not found: say where it is, .\install.ps1 -XenCenter "C:\...\XenCenter"'
}

if (-not $XenCenter) { $XenCenter = Find-XenCenter }
if (-not (Test-Path -LiteralPath $XenCenter)) { throw "There is no $XenCenter" }
$vendor = Join-Path (Join-Path $XenCenter 'Plugins') 'xenscope'
if (Test-Path -LiteralPath $vendor) { Remove-Item -LiteralPath $vendor -Recurse }
if ($Remove) {
    Write-Output "Removed from $XenCenter. Start XenCenter again."
} else {
    New-Item -ItemType Directory -Path $vendor | Out-Null
    Copy-Item -LiteralPath (Join-Path $PSScriptRoot 'xenscope') -Destination $vendor -Recurse
    Get-ChildItem -LiteralPath $vendor -Recurse -File | Unblock-File
    Write-Output "Installed in $vendor. Start XenCenter again, or press Re-Scan Plug-in Directory under Tools, Plugins."
}
