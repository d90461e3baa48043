# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.

"""Initial tables

Revision ID: 0001
Revises:
"""

from alembic import op
import sqlalchemy as sa

from shadow_reserve.db import types


revision = '0001'
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        'reservations',
        sa.Column('token', sa.String(length=36), nullable=False),
        sa.Column('name', sa.String(length=255), nullable=False),
        sa.Column('user_id', sa.String(length=64), nullable=False),
        sa.Column('project_id', sa.String(length=64), nullable=False),
        sa.Column('resource_type', sa.String(length=255), nullable=False),
        sa.Column('size', types.Json(), nullable=False),
        sa.Column('quantity', sa.Integer(), nullable=False),
        sa.Column('start_time', types.UtcDateTime(), nullable=False),
        sa.Column('duration', types.Duration(), nullable=False),
        sa.Column('contracted_duration', types.Duration(), nullable=False),
        sa.Column('shadow_allocation_id', sa.String(length=36),
                  nullable=False),
        sa.Column('status', sa.String(length=64), nullable=False),
        sa.Column('lease_backend', sa.String(length=64), nullable=False),
        sa.Column('lease_id', sa.String(length=36), nullable=True),
        sa.Column('cost', types.Money(), nullable=False),
        sa.Column('policy', types.Json(), nullable=False),
        sa.Column('template', types.Json(), nullable=False),
        sa.Column('selector', types.Json(), nullable=False),
        sa.Column('trust_id', sa.String(length=64), nullable=True),
        sa.Column('generation', sa.Integer(), nullable=False),
        sa.Column('created_at', types.UtcDateTime(), nullable=False),
        sa.Column('updated_at', types.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint('token'),
        mysql_charset='utf8mb4',
        mysql_engine='InnoDB')

    op.create_index(
        'ix_reservations_project_id', 'reservations', ['project_id'])
    op.create_index(
        'ix_reservations_status', 'reservations', ['status'])

    op.create_table(
        'demand_profiles',
        sa.Column('token', sa.String(length=36), nullable=False),
        sa.Column('resource', sa.String(length=64), nullable=False),
        sa.Column('origin', types.UtcDateTime(), nullable=False),
        sa.Column('profile', types.Json(), nullable=False),
        sa.ForeignKeyConstraint(['token'], ['reservations.token']),
        sa.PrimaryKeyConstraint('token', 'resource'),
        mysql_charset='utf8mb4',
        mysql_engine='InnoDB')

    op.create_table(
        'events',
        sa.Column('sequence', sa.Integer(), autoincrement=True,
                  nullable=False),
        sa.Column('event_id', sa.String(length=36), nullable=False),
        sa.Column('token', sa.String(length=36), nullable=False),
        sa.Column('happened_at', types.UtcDateTime(), nullable=False),
        sa.Column('kind', sa.String(length=64), nullable=False),
        sa.Column('severity', sa.String(length=64), nullable=False),
        sa.Column('message', sa.Text(), nullable=False),
        sa.Column('details', types.Json(), nullable=False),
        sa.ForeignKeyConstraint(['token'], ['reservations.token']),
        sa.PrimaryKeyConstraint('sequence'),
        sa.UniqueConstraint('event_id'),
        mysql_charset='utf8mb4',
        mysql_engine='InnoDB')

    op.create_index(
        'ix_events_token', 'events', ['token'])

    op.create_table(
        'ledger_entries',
        sa.Column('sequence', sa.Integer(), autoincrement=True,
                  nullable=False),
        sa.Column('entry_id', sa.String(length=36), nullable=False),
        sa.Column('token', sa.String(length=36), nullable=False),
        sa.Column('kind', sa.String(length=64), nullable=False),
        sa.Column('period_start', types.UtcDateTime(), nullable=False),
        sa.Column('period_end', types.UtcDateTime(), nullable=False),
        sa.Column('amount', types.Money(), nullable=False),
        sa.Column('extension', types.Duration(), nullable=False),
        sa.Column('rule', sa.String(length=255), nullable=False),
        sa.Column('inputs', types.Json(), nullable=False),
        sa.ForeignKeyConstraint(['token'], ['reservations.token']),
        sa.PrimaryKeyConstraint('sequence'),
        sa.UniqueConstraint('entry_id'),
        mysql_charset='utf8mb4',
        mysql_engine='InnoDB')

    op.create_index(
        'ix_ledger_entries_token', 'ledger_entries', ['token'])

    op.create_table(
        'shadow_allocations',
        sa.Column('allocation_id', sa.String(length=36), nullable=False),
        sa.Column('reservation_id', sa.String(length=36), nullable=False),
        sa.Column('resource_type', sa.String(length=255), nullable=False),
        sa.Column('quantity', sa.Integer(), nullable=False),
        sa.Column('status', sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(['reservation_id'], ['reservations.token']),
        sa.PrimaryKeyConstraint('allocation_id'),
        sa.UniqueConstraint('reservation_id'),
        mysql_charset='utf8mb4',
        mysql_engine='InnoDB')

    op.create_table(
        'trigger_alarms',
        sa.Column('token', sa.String(length=36), nullable=False),
        sa.Column('metric', sa.String(length=64), nullable=False),
        sa.Column('alarm_id', sa.String(length=36), nullable=True),
        sa.ForeignKeyConstraint(['token'], ['reservations.token']),
        sa.PrimaryKeyConstraint('token', 'metric'),
        sa.UniqueConstraint('alarm_id'),
        mysql_charset='utf8mb4',
        mysql_engine='InnoDB')

    op.create_table(
        'shadow_instances',
        sa.Column('instance_id', sa.String(length=36), nullable=False),
        sa.Column('allocation_id', sa.String(length=36), nullable=False),
        sa.Column('state', sa.String(length=64), nullable=False),
        sa.Column('generation', sa.Integer(), nullable=False),
        sa.Column('server_id', sa.String(length=36), nullable=True),
        sa.Column('host', sa.String(length=255), nullable=True),
        sa.Column('attempts', sa.Integer(), nullable=False),
        sa.Column('reason', sa.Text(), nullable=False),
        sa.Column('state_since', types.UtcDateTime(), nullable=False),
        sa.Column('charged_until', types.UtcDateTime(), nullable=True),
        sa.Column('created_at', types.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ['allocation_id'], ['shadow_allocations.allocation_id']),
        sa.PrimaryKeyConstraint('instance_id'),
        mysql_charset='utf8mb4',
        mysql_engine='InnoDB')

    op.create_index(
        'ix_shadow_instances_allocation_id', 'shadow_instances',
        ['allocation_id'])
